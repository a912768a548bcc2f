"""Mistakes in the requests of an app."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.problems import Expected, wrong

from chaoslab import services
from chaoslab.model.loader import read_topology
from chaoslab.model.requests import Found, GoodAnswer, RequestContract

from .topologies import BASE, bad, problems_of


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


AT = "apps.backend.requests"
LINKED = BASE.replace('links = ["postgres"]', 'links = ["postgres", "redis"]')
REQUESTS = """
[apps.backend.requests.order]
kind = "write"
path = "/orders"
headers = { Authorization = "Bearer {id}" }
body = { id = "{id}", lines = [{ sku = "a", count = 2 }] }
good = { status = [201], equals = { "order.id" = "{id}" }, has = ["order.total"] }
found = { service = "postgres", table = "orders", within_s = 1.5 }

[apps.backend.requests.seen]
kind = "read"
of = "order"
path = "/orders/{id}"
good = { text = "{id}" }

[apps.backend.requests.mail]
kind = "job"
path = "/mails"
form = { id = "{id}" }
found = { service = "redis", key = "mailed", delivery = "at_least_once" }

[apps.backend.requests.chat]
kind = "job"
path = "/chats/{id}"
headers = { X-User = "{user}" }
users = ["ann", "ben"]
found = { websocket = "/ws/{user}" }
"""


def test_requests_become_contracts_with_the_defaults_of_their_kinds(tmp_path: Path) -> None:
    """The method, the status and the time follow from the kind."""
    (tmp_path / "t.toml").write_text(LINKED + REQUESTS)
    app = read_topology(tmp_path / "t.toml", kinds=services.kinds()).apps["backend"]
    order, seen, mail, chat = app.requests.values()
    assert order == RequestContract(
        name="order",
        kind="write",
        method="POST",
        path="/orders",
        headers={"Authorization": "Bearer {id}"},
        body={"id": "{id}", "lines": [{"sku": "a", "count": 2}]},
        good=GoodAnswer(status=(201,), equals={"order.id": "{id}"}, has=("order.total",)),
        found=Found(service="postgres", table="orders", within_s=1.5),
    )
    assert (seen.method, seen.of, seen.good.text) == ("GET", "order", "{id}")
    assert mail.found is not None
    assert (mail.method, mail.found.within_s, mail.found.key) == ("POST", 10.0, "mailed")
    assert chat.found is not None
    assert (chat.users, chat.found.websocket) == (("ann", "ben"), "/ws/{user}")
    assert app.write is order
    assert app.first_request is order


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            'service = "postgres", table',
            'service = "redis", table',
            wrong(
                f"{AT}.order.found.service",
                "topology.finds_otherwise",
                "a postgres by table or a redis by key",
                service="redis",
                kind="redis",
                by="table",
            ),
        ),
        (
            'service = "postgres", table',
            'service = "pg", table',
            wrong(
                f"{AT}.order.found.service", "name.unknown", "postgres, redis",
                kind="service", name="pg",
            ),
        ),
        (
            'table = "orders", ',
            "",
            wrong(f"{AT}.order.found", "topology.keys_conflict", what="does not name one place"),
        ),
        (
            '{ service = "postgres", table = "orders", within_s = 1.5 }',
            '{ request = "seem" }',
            wrong(
                f"{AT}.order.found.request", "name.unknown", "did you mean 'seen'?",
                kind="request", name="seem",
            ),
        ),
        (
            '{ service = "postgres", table = "orders", within_s = 1.5 }',
            '{ request = "mail" }',
            wrong(
                f"{AT}.order.found.request", "topology.another_kind_of_request",
                "the name of a read", name="mail", kind="job",
            ),
        ),
        (
            'of = "order"',
            'of = "mail"',
            wrong(
                f"{AT}.seen.of", "topology.another_kind_of_request", "the name of a write",
                name="mail", kind="job",
            ),
        ),
        (
            'path = "/orders/{id}"',
            'path = "/orders"',
            wrong(f"{AT}.seen", "topology.no_id", "the placeholder {id} in path"),
        ),
        (
            'form = { id = "{id}" }',
            'form = { id = "{di}{id}" }',
            wrong(f"{AT}.mail.form.id", "name.unknown", kind="placeholder", name="{di}"),
        ),
        (
            '"order.id" = "{id}"',
            '"order..id" = "{id}"',
            bad(f'{AT}.order.good.equals."order..id"', "'order..id'", "a string"),
        ),
        (
            "status = [201]",
            "status = [99]",
            bad(f"{AT}.order.good.status[0]", "99", "a whole number"),
        ),
        (
            'kind = "read"',
            'kind = "reed"',
            bad(f"{AT}.seen.kind", "'reed'", "a string", "write, read, job, page"),
        ),
        (
            "good = { text",
            'found = { request = "seen" }\ngood = { text',
            wrong(f"{AT}.seen", "topology.keys_conflict", what="is a read and has found"),
        ),
        (
            'found = { service = "redis", key = "mailed", delivery = "at_least_once" }',
            "",
            wrong(f"{AT}.mail", "topology.keys_conflict", what="is a job without found"),
        ),
        (
            'form = { id = "{id}" }',
            'form = { id = "{id}" }\nbody = {}',
            wrong(f"{AT}.mail", "topology.keys_conflict", what="has body and form"),
        ),
        (
            'users = ["ann", "ben"]\n',
            "",
            wrong(f"{AT}.chat.headers.X-User", "name.unknown", kind="placeholder", name="{user}"),
        ),
        (
            '{ X-User = "{user}" }\nusers = ["ann", "ben"]',
            "{}",
            wrong(
                f"{AT}.chat.found.websocket", "topology.channel_of_one",
                "a path without placeholders, or users in the request, and {user} here",
            ),
        ),
        (
            '"/ws/{user}"',
            '"/ws/{id}"',
            wrong(f"{AT}.chat.found.websocket", "name.unknown", kind="placeholder", name="{id}"),
        ),
        (
            '{ X-User = "{user}" }',
            "{}",
            wrong(
                f"{AT}.chat", "topology.no_user", "path, headers, body or form", place="request"
            ),
        ),
        (
            '"{user}" }\nusers = ["ann", "ben"]\nfound = { websocket = "/ws/{user}"',
            '"{user}{id}" }\nusers = ["ann", "ben"]\nfound = { websocket = "/ws"',
            wrong(
                f"{AT}.chat", "topology.no_user", "a header without {id}", place="subscription"
            ),
        ),
        (
            '["ann", "ben"]',
            '["ann"]',
            wrong(f"{AT}.chat", "topology.keys_conflict", what="has one user, or one twice"),
        ),
        (
            '["ann", "ben"]',
            '["ann", "a/b"]',
            bad(f"{AT}.chat.users[1]", "'a/b'", "a string", "a list of names of letters"),
        ),
        (
            '{ websocket = "/ws/{user}" }',
            '{ service = "redis", key = "chats" }',
            wrong(
                f"{AT}.chat", "topology.keys_conflict", what="has users and is not found in events"
            ),
        ),
        (
            "Authorization =",
            "Host =",
            bad(f"{AT}.order.headers.Host", "'Host'", "a string"),
        ),
    ],
)  # fmt: skip
def test_a_request_that_could_never_work_is_refused(
    tmp_path: Path, old: str, new: str, expected: Expected
) -> None:
    """It must name what the app has, carry the id, and say where the lab finds its effect."""
    assert old in REQUESTS
    problem = problems_of(tmp_path, LINKED + REQUESTS.replace(old, new))[0]
    expected.check(problem)

"""What is proposed for an unknown app, from one answer of its health."""

from __future__ import annotations

import json

import pytest

from chaoslab.model.dialects import DIALECTS
from chaoslab.model.health import DEFAULT_WORDS, HealthContract
from chaoslab.model.loader.rules import is_member
from chaoslab.probes.health_answer import read_answer
from chaoslab.probes.infer import Proposal, infer
from chaoslab.probes.request import Reply

from .dialects import JSON, SENT, Sent

HTML = "<!doctype html><html><body>Sign in</body></html>"


def inferred(body: object, status_code: int = 200, content_type: str = JSON) -> Proposal | None:
    """The proposal for a body; a text is sent as it is."""
    raw = body if isinstance(body, bytes) else str(body).encode()
    if not isinstance(body, bytes | str):
        raw = json.dumps(body).encode()
    return infer(status_code, content_type, raw)


@pytest.mark.parametrize("sent", SENT, ids=lambda s: f"{s.dialect} {s.state}")
def test_an_answer_of_a_dialect_is_recognized(sent: Sent) -> None:
    """With the fields of the dialect, and the words that the answer has."""
    found = infer(sent.status_code, sent.content_type, sent.raw)
    assert found is not None
    assert found.dialect == sent.dialect
    dialect = DIALECTS[sent.dialect]
    assert found.status_field == dialect.status_field
    assert found.dependencies_field == dialect.dependencies_field
    if sent.dialect != "status_code":
        assert found.words == tuple(dict.fromkeys((sent.word, *sent.dependencies.values())))
    assert found.unknown_words == ()


@pytest.mark.parametrize(
    ("body", "status_field", "dependencies_field", "words"),
    [
        ({"status": "ok"}, "status", "", ("ok",)),
        ({"Status": "OK", "version": "1.2"}, "Status", "", ("OK",)),
        ({"ok": True}, "ok", "", ("true",)),
        ({"ok": False, "message": "no connection"}, "ok", "", ("false",)),
        ({"state": "UP", "uptime": 12.5}, "state", "", ("UP",)),
        ({"health": "GOOD"}, "health", "", ("GOOD",)),
        ({"status": "green", "nodes": 3}, "status", "", ("green",)),
        ({"health": {"status": "UP"}, "id": 7}, "health.status", "", ("UP",)),
        ({"my-app": {"status": "up"}}, '"my-app".status', "", ("up",)),
        (
            {"status": "healthy", "dependencies": {"db": "up", "cache": {"status": "down"}}},
            "status",
            "dependencies",
            ("healthy", "up", "down"),
        ),
        (
            {"status": "ok", "info": {"db": {"status": "up"}}, "error": {}, "details": {}},
            "status",
            "info",
            ("ok", "up"),
        ),
        ({"status": "ok", "checks": {"db": "ok"}}, "status", "checks", ("ok",)),
        ({"status": "ok", "checks": 3, "services": ["db"]}, "status", "", ("ok",)),
        (
            {"data": {"state": "ok", "services": {"db": True}}},
            "data.state",
            "data.services",
            ("ok", "true"),
        ),
    ],
)
def test_fields_of_the_apps_own_are_found(
    body: object, status_field: str, dependencies_field: str, words: tuple[str, ...]
) -> None:
    """A word under a usual name, at the top or one level below, and dependencies under another."""
    assert inferred(body) == Proposal(
        status_field=status_field, dependencies_field=dependencies_field, words=words
    )


@pytest.mark.parametrize("body", [{"health": "GOOD"}, {"status": "green"}, {"state": "ready"}])
def test_a_word_without_a_meaning_is_named(body: dict[str, str]) -> None:
    """Whoever uses the proposal must ask what it means."""
    found = inferred(body)
    assert found is not None
    assert found.unknown_words == tuple(body.values())


@pytest.mark.parametrize(
    ("body", "status_code", "content_type"),
    [
        (HTML, 200, "text/html"),
        (HTML, 200, JSON),
        ("", 503, "text/plain"),
        ("upstream connect error", 503, "text/plain"),
        ({"error": "not found"}, 404, JSON),
        ({"timestamp": "x", "status": 404, "error": "Not Found"}, 404, JSON),
        ({"status": "green"}, 503, JSON),
        ([], 200, JSON),
        ([1, 2], 200, JSON),
        (["healthy"], 200, JSON),
        (b"\xff\xfe", 200, JSON),
        ("[" * 100_000, 200, JSON),
        (f'{{"status": "up", "x": [{"1," * 5000}1]}}', 200, JSON),
        ('{"status": "up", "status": "down"}', 200, JSON),
    ],
)
def test_nothing_is_proposed_for_what_is_no_health_answer(
    body: object, status_code: int, content_type: str
) -> None:
    """A page of a web server, an error without a word, a body outside the limits."""
    assert inferred(body, status_code, content_type) is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [({"uptime": 3}, JSON), ({}, JSON), ("", "text/html"), ("pong", "text/plain")],
)
def test_a_2xx_without_a_word_counts_by_its_status_code(body: object, content_type: str) -> None:
    """There is nothing else to go by."""
    found = inferred(body, 200, content_type)
    assert found == Proposal(dialect="status_code", status_field="")


ODD = [
    {"status": {"status": {"status": "up"}}},
    {"status": [], "state": {}, "health": [[]], "ok": None},
    {"checks": {"a": []}, "status": "pass"},
    {"status": "UP", "components": {"\ud800": {"status": "UP"}}},
    {"": {"status": "up"}, "a\nb": {"ok": True}},
    {"x" * 500: {"status": "up"}},
    [{"Status": "passing"}, 3, None, [], {"Status": {}}],
    [[[{}]]],
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_a_proposal_reads_the_answer_that_it_was_made_from(body: object) -> None:
    """Also an odd one: a proposal has a word there, and its field may stand in a topology."""
    raw = json.dumps(body).encode()
    found = infer(200, JSON, raw)
    if found is None or not found.status_field:
        return
    words = {**DEFAULT_WORDS, **(DIALECTS[found.dialect].words if found.dialect else {})}
    contract = HealthContract(
        status_field=found.status_field,
        dependencies_field=found.dependencies_field,
        words=words,
    )
    reply = Reply(status_code=200, headers={"content-type": JSON}, body=raw)
    assert read_answer(contract, reply).word == found.words[0]
    assert is_member(found.status_field) or not found.status_field.isidentifier()

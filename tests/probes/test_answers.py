"""What is sent for one id, and what of an answer is not good."""

from __future__ import annotations

import json

import pytest

from chaoslab.model.requests import GoodAnswer, RequestContract
from chaoslab.probes.answers import Difference, difference, digest_of, message_of
from chaoslab.probes.request import Reply

MINE = "0f8fad5b-d9cb-469f-a165-70867728950e"
THEIRS = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def reply(body: object, *, encoding: str = "") -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status_code=200, headers={"content-encoding": encoding}, body=data)


def differs(good: GoodAnswer, body: object, *, encoding: str = "") -> Difference | None:
    return difference(good, reply(body, encoding=encoding), MINE, lambda text: text == THEIRS)


def test_the_id_is_filled_into_path_headers_and_nested_json() -> None:
    """Numbers and the names of fields stay as they are."""
    contract = RequestContract(
        name="order",
        kind="write",
        method="POST",
        path="/orders/{id}?x={{1}}",
        headers={"X-Key": "{id}"},
        body={"id": "{id}", "{id}": [{"n": 2, "of": ["{id}", None, True]}]},
    )
    message = message_of(contract, MINE)
    assert (message.method, message.path) == ("POST", f"/orders/{MINE}?x={{1}}")
    assert message.headers == (("Content-Type", "application/json"), ("X-Key", MINE))
    assert message.body is not None
    assert json.loads(message.body) == {"id": MINE, "{id}": [{"n": 2, "of": [MINE, None, True]}]}


def test_the_user_is_filled_into_path_headers_and_nested_json() -> None:
    """Beside the id."""
    contract = RequestContract(
        name="mail",
        kind="job",
        method="POST",
        path="/{user}/mails",
        headers={"Authorization": "Bearer {user}"},
        body={"id": "{id}", "to": ["{user}"]},
        users=("ann", "ben"),
    )
    message = message_of(contract, MINE, "ben")
    assert message.path == "/ben/mails"
    assert ("Authorization", "Bearer ben") in message.headers
    assert json.loads(message.body or b"") == {"id": MINE, "to": ["ben"]}


def test_a_form_is_encoded_as_browsers_do_and_an_own_content_type_stays() -> None:
    """Without a body there is no content type."""
    form = RequestContract(name="f", kind="page", path="/", form={"a b": "{id}&"})
    assert message_of(form, "1").body == b"a+b=1%26"
    assert message_of(form, "1").headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    own = RequestContract(name="o", kind="page", path="/", headers={"content-type": "x/y"}, body=1)
    assert message_of(own, "1").headers == (("content-type", "x/y"),)
    bare = message_of(RequestContract(name="b", kind="page", path="/"), "1")
    assert (bare.headers, bare.body) == ((), None)


@pytest.mark.parametrize(
    ("good", "body", "text"),
    [
        (GoodAnswer(), b"anything", None),
        (GoodAnswer(equals={"a.b": "{id}"}), {"a": {"b": MINE}}, None),
        (GoodAnswer(equals={"a.b": "{id}"}), {"a": {}}, f'a.b is null, expected "{MINE}"'),
        (GoodAnswer(equals={"n": 1}), {"n": True}, "n is true, expected 1"),
        (GoodAnswer(equals={"n": 1}), {"n": 1.0}, None),
        (GoodAnswer(equals={"n": [1, "{id}"]}), {"n": [1, MINE]}, None),
        (GoodAnswer(equals={"n": 1}), {"n": [1, 2]}, "n is a list of 2, expected 1"),
        (GoodAnswer(equals={"[?id=='{id}'].n | [0]": 3}), [{"id": MINE, "n": 3}], None),
        (GoodAnswer(equals={"length(n)": 2}), {"n": 5}, "length(n) is null, expected 2"),
        (GoodAnswer(has=("a",)), {"a": 0}, None),
        (GoodAnswer(has=("a",)), {"a": None}, "a is missing"),
        (GoodAnswer(has=("contains('x', a)",)), {"a": 1}, "contains('x', a) is missing"),
        (GoodAnswer(has=("ceil(a)",)), {"a": float("inf")}, "ceil(a) is missing"),
        (GoodAnswer(has=("a",)), b"<html>", "the body is no JSON"),
        (GoodAnswer(has=("a",)), b"[" * 100_000, "the body is no JSON"),
        (GoodAnswer(text="id={id}"), f"<p>id={MINE}</p>".encode(), None),
        (GoodAnswer(text="thanks"), b"sorry", "'thanks' is not in the body"),
    ],
)
def test_what_differs_is_named(good: GoodAnswer, body: object, text: str | None) -> None:
    """Each declared part must hold; the first that does not is the reason."""
    found = differs(good, body)
    assert (found.text if found else None) == text
    assert not found or found.other == ""


def test_the_id_of_another_request_is_found_where_the_own_one_must_be() -> None:
    """In a value and in a text; not where the contract does not expect an id."""
    by_value = differs(GoodAnswer(equals={"id": "{id}"}), {"id": THEIRS})
    assert by_value is not None
    assert by_value.other == THEIRS
    by_text = differs(GoodAnswer(text="{id}"), f"hello {THEIRS}".encode())
    assert by_text is not None
    assert by_text.other == THEIRS
    elsewhere = differs(GoodAnswer(equals={"n": 1}), {"n": THEIRS})
    assert elsewhere is not None
    assert elsewhere.other == ""


def test_an_encoded_body_is_not_read() -> None:
    """It may be a gigabyte once decoded."""
    found = differs(GoodAnswer(has=("a",)), b"\x1f\x8b", encoding="gzip")
    assert found is not None
    assert found.text == "content encoding gzip: not read"


def test_a_digest_tells_bodies_apart() -> None:
    """Of an empty body there is none."""
    assert (digest_of(b""), len(digest_of(b"a"))) == ("", 16)
    assert digest_of(b"a") != digest_of(b"b")

"""Answers of health in every dialect, read by the contract that the dialect's name means."""

from __future__ import annotations

import json
import time

import pytest

from chaoslab.model.dialects import DIALECTS, DialectName
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.probes.body import MOST_VALUES
from chaoslab.probes.health_answer import Answer, read_answer
from chaoslab.probes.request import MOST_BODY_BYTES, Reply

from .dialects import JSON, SENT, Sent

HEALTHY, DEGRADED, UNHEALTHY = HealthState.HEALTHY, HealthState.DEGRADED, HealthState.UNHEALTHY
CONTRACTS = {name: dialect.contract for name, dialect in DIALECTS.items()}


def read(
    contract: HealthContract, body: object, status_code: int = 200, content_type: str = JSON
) -> Answer:
    """What an answer with that body means; a text is sent as it is."""
    raw = body if isinstance(body, bytes) else str(body).encode()
    if not isinstance(body, bytes | str):
        raw = json.dumps(body).encode()
    headers = {"content-type": content_type}
    return read_answer(contract, Reply(status_code=status_code, headers=headers, body=raw))


def test_every_dialect_has_an_answer_here() -> None:
    """A new dialect needs a body of its own."""
    assert {sent.dialect for sent in SENT} == set(DIALECTS)


@pytest.mark.parametrize("sent", SENT, ids=lambda s: f"{s.dialect} {s.state}")
def test_an_answer_is_read_in_its_dialect(sent: Sent) -> None:
    """State, word and dependencies, as the convention means them."""
    answer = read(CONTRACTS[sent.dialect], sent.raw, sent.status_code, sent.content_type)
    assert (answer.state.value, answer.word) == (sent.state, sent.word)
    assert answer.dependencies == sent.dependencies
    assert answer.error is None


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("booleans", {}),
        ("booleans", {"database": True, "uptime": 3}),
        ("booleans", {"database": True, "cache": None}),
        ("booleans", {"database": True, "cache": {"up": True}}),
        ("booleans", [True]),
        ("consul", []),
        ("consul", [True]),
        ("consul", [{"Status": "passing"}, {}]),
        ("consul", [{"Status": "ok"}]),
        ("consul", [{"Status": True}, {"Status": "critical"}]),
        ("consul", [None, {"Status": "passing"}]),
        ("consul", [{"Status": "passing"}, {"Status": None}]),
        ("consul", {"Status": "passing"}),
        ("consul", [{"Status": "passing"}, {"Status": "maintenance"}]),
        ("microprofile", {"checks": [{"name": "db", "status": "UP"}]}),
        ("spring", {"components": {"db": {"status": "UP"}}}),
        ("text", {"status": "healthy"}),
        ("text", "<html>OK</html>"),
    ],
)
def test_what_a_dialect_cannot_read_is_not_healthy(dialect: DialectName, body: object) -> None:
    """A good word elsewhere in the body does not count."""
    assert read(CONTRACTS[dialect], body).state is UNHEALTHY


@pytest.mark.parametrize("body", ["<html>It works!</html>", "", "not found", "[]", b"\xff", "{}"])
def test_only_the_status_code_counts_without_a_status_field(body: object) -> None:
    """As the contract says: with any body, and with none."""
    contract = CONTRACTS["status_code"]
    assert read(contract, body).state is HEALTHY
    assert read(contract, body).error is None
    assert read(contract, body, 503).state is UNHEALTHY
    assert read(contract, body, 302).state is UNHEALTHY


@pytest.mark.parametrize(
    ("field", "body", "word"),
    [
        ("health-status", {"health-status": "up"}, "up"),
        ("app:status", {"app:status": "up"}, "up"),
        ("app.status", {"app.status": "up", "app": {"status": "down"}}, "up"),
        ("app.status", {"app": {"status": "up"}}, "up"),
        ('"app:x".status', {"app:x": {"status": "up"}}, "up"),
        (
            "checks[?name=='self'].status | [0]",
            {"checks": [{"name": "self", "status": "up"}]},
            "up",
        ),
        ("[0].state", [{"state": "up"}], "up"),
        ("no-such", {"status": "up"}, None),
        ("a[", {"status": "up"}, None),
    ],
)
def test_a_field_is_a_member_or_an_expression(field: str, body: object, word: str | None) -> None:
    """A member of exactly that name counts first, as in files without expressions."""
    answer = read(HealthContract(status_field=field), body)
    assert answer.word == word
    assert answer.state is (HEALTHY if word else UNHEALTHY)


def test_a_dependency_has_its_word_at_the_field_or_at_status() -> None:
    """Also if the field is an expression that finds nothing in the dependency's own object."""
    contract = HealthContract(status_field="app.health", dependencies_field="app.parts")
    parts = {"db": {"status": "down"}, "cache": {"app": {"health": "up"}}, "mail": {}}
    answer = read(contract, {"app": {"health": "degraded", "parts": parts}})
    assert answer.state is DEGRADED
    assert answer.dependencies == {"db": "down", "cache": "up", "mail": "?"}


@pytest.mark.parametrize(
    ("expression", "body"),
    [
        ("ceil(x)", '{"x": NaN}'),
        ("ceil(x)", '{"x": Infinity}'),
        ("contains('abc', x)", '{"x": 1}'),
        ("avg(x)", f'{{"x": [{"9" * 400}]}}'),
        ("sort(x)", '{"x": [1, "a"]}'),
        ("max_by(x, &y)", '{"x": [{"y": {}}]}'),
        ("length(x)", '{"x": null}'),
    ],
)
def test_a_function_that_does_not_take_the_value_finds_nothing(expression: str, body: str) -> None:
    """No body may end a probe."""
    assert read(HealthContract(status_field=expression), body).state is UNHEALTHY


LARGE = {
    "consul": "[" + "1," * (MOST_BODY_BYTES // 2 - 2) + "1]",
    "booleans": "{" + ",".join(f'"{n}":true' for n in range(70_000)) + "}",
}


@pytest.mark.parametrize("dialect", LARGE)
def test_a_large_body_is_not_searched(dialect: DialectName) -> None:
    """The largest bodies that are read would take an expression seconds. In processor time of this
    thread; most of it is reading the JSON.
    """
    body = LARGE[dialect]
    assert len(body) <= MOST_BODY_BYTES
    begun_s = time.thread_time()
    answer = read(CONTRACTS[dialect], body)
    assert time.thread_time() - begun_s < 2.0
    assert answer.state is UNHEALTHY
    assert f"JSON of more than {MOST_VALUES} values" in str(answer.error)


def test_the_largest_body_that_is_searched_takes_little_time() -> None:
    """A bit under the limit of values, in the slowest expressions of the table."""
    for body in ([1] * (MOST_VALUES - 1), [{"Status": 1}] * (MOST_VALUES // 2 - 1)):
        begun_s = time.thread_time()
        assert read(CONTRACTS["consul"], body).state is UNHEALTHY
        assert time.thread_time() - begun_s < 1.0
    flags = dict.fromkeys(map(str, range(MOST_VALUES - 1)), True)
    begun_s = time.thread_time()
    assert read(CONTRACTS["booleans"], flags).state is HEALTHY
    assert time.thread_time() - begun_s < 1.0

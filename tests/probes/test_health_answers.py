"""Health as a prober sees it, against servers that answer in every way but the right one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from chaoslab.history.events import HealthSample, HealthUnread
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.probes.health import HealthProbe, ask_health
from chaoslab.probes.health_answer import Answer

from .rig import (
    PATIENCE_S,
    Here,
    Reply,
    said,
    server,
    until,
    watching,
)

HEALTHY, DEGRADED = HealthState.HEALTHY, HealthState.DEGRADED
UNHEALTHY, UNREACHABLE = HealthState.UNHEALTHY, HealthState.UNREACHABLE


async def asked(
    folder: Path, reply: Reply | None, contract: HealthContract | None = None
) -> Answer:
    """What one health request comes to when the server gives that reply."""

    async def answer(method: str, path: str, body: bytes) -> Reply | None:
        assert (method, path) == ("GET", "/health")
        return reply

    async with server(answer) as port, watching(folder, Here(port), contract) as watched:
        # only silence is waited for to its end
        return await ask_health(watched, timeout_s=PATIENCE_S if reply else 0.5)


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, {"status": "healthy"}, HEALTHY),
        (200, {"status": "UP"}, HEALTHY),
        (200, {"status": "pass"}, HEALTHY),
        (200, {"status": "degraded"}, DEGRADED),
        (207, {"status": "warn"}, DEGRADED),
        (429, {"status": "whatever"}, DEGRADED),
        (429, "slow down", DEGRADED),
        (503, {"status": "healthy"}, UNHEALTHY),
        (500, {"status": "degraded"}, UNHEALTHY),
        (302, {"status": "healthy"}, UNHEALTHY),
        (200, {"status": "down"}, UNHEALTHY),
        (200, {"status": "starting"}, UNHEALTHY),
        (200, {"status": "Unavailable"}, UNHEALTHY),
        (200, {"status": "unreachable"}, UNHEALTHY),
        (200, {"status": "error"}, UNHEALTHY),
        (200, {"status": "ok"}, HEALTHY),
        (200, {"status": True}, HEALTHY),
        (200, {"status": False}, UNHEALTHY),
        (200, {"status": "hunky-dory"}, UNHEALTHY),
        (200, {"status": None}, UNHEALTHY),
        (200, {"state": "healthy"}, UNHEALTHY),
        (200, {"status": {"deep": "healthy"}}, UNHEALTHY),
        (200, "Healthy", HEALTHY),
        (200, " Degraded\n", DEGRADED),
    ],
)
async def test_a_health_answer_is_read_by_status_and_word(
    tmp_path: Path, status: int, body: str | dict[str, object], state: HealthState
) -> None:
    """2xx alone is not trusted, and neither is a friendly word behind a 503."""
    answer = await asked(tmp_path, (status, body))
    assert (answer.state, answer.status_code) == (state, status)


@pytest.mark.parametrize(
    ("body", "got"),
    [
        ("<html><body>It works!</body></html>", "invalid JSON"),
        ("", 'no body; if only the status code counts, set status_field = ""'),
        ("null", "null"),
        ("[]", "a list"),
        ('["healthy"]', "a list"),
        ("7", "a number"),
        ("[true]", "a list"),
        ('"nobody"', "a text"),
        ('{"status": "healthy"', "invalid JSON"),
        ('{"status": "down", "status": "healthy"}', "an object with a duplicate member"),
        ("[" * 100_000, "JSON of more than 64 levels"),
    ],
)
async def test_a_body_without_an_object_is_an_error_with_the_expected_type(
    tmp_path: Path, body: str, got: str
) -> None:
    """A web server's own page must not count as healthy."""
    answer = await asked(tmp_path, (200, body))
    assert answer.state is UNHEALTHY
    assert answer.error == (
        f"health answered 200 with application/json, expected a JSON object, got {got}"
    )


async def test_html_is_named_by_its_content_type(tmp_path: Path) -> None:
    """So that the reader of a report knows who answered."""
    answer = await asked(tmp_path, (0, said(200, "<html>hello</html>", "text/html")))
    assert answer.error == (
        "health answered 200 with text/html, expected a JSON object, got invalid JSON"
    )


@pytest.mark.parametrize(
    ("field", "body", "error"),
    [
        (
            "status",
            '{"state":"UP"}',
            """{"state":"UP"} without a word at 'status'; did you mean status_field = "state"?""",
        ),
        (
            "status",
            '{\n  "my-app": {"status": "up"}\n}',
            """{ "my-app": {"status": "up"} } without a word at 'status'; """
            """did you mean status_field = '"my-app".status'?""",
        ),
        (
            "state",
            '{"status": null}',
            """{"status": null} without a word at 'state'; """
            'if only the status code counts, set status_field = ""',
        ),
        (
            "status",
            '{"database": true, "cache": false}',
            """{"database": true, "cache": false} without a word at 'status'; """
            'did you mean dialect = "booleans"?',
        ),
        (
            "status",
            '[{"Name": "db", "Status": "passing"}]',
            "with application/json, expected a JSON object, got a list; "
            'did you mean dialect = "consul"?',
        ),
        (
            "status",
            json.dumps({"text": "x" * 500}),
            f"""{{"text": "{"x" * 189}… without a word at 'status'; """
            'if only the status code counts, set status_field = ""',
        ),
    ],
)
async def test_a_2xx_without_the_field_is_unhealthy_with_the_body_and_a_suggestion(
    tmp_path: Path, field: str, body: str, error: str
) -> None:
    """After one answer the reader sees what the app sends, and what the contract should have."""
    answer = await asked(tmp_path, (200, body), HealthContract(status_field=field))
    assert answer.state is UNHEALTHY
    assert answer.error == f"health answered 200 {error}"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_missing_field_matters_only_where_the_word_decides(
    tmp_path: Path, status: int
) -> None:
    """The status code has decided before."""
    answer = await asked(tmp_path, (status, {"state": "UP"}))
    assert (answer.word, answer.error) == (None, None)


@pytest.mark.parametrize(
    ("body", "why", "word"),
    [
        ({"state": "UP"}, "without a word at 'status'", ""),
        ({"status": "GOOD"}, "", "GOOD"),
        ({"status": {}}, "is an object, expected a word", ""),
        ({"status": "down"}, None, None),
    ],
)
async def test_the_first_answer_that_is_not_read_is_recorded_once(
    tmp_path: Path, body: dict[str, object], why: str | None, word: str | None
) -> None:
    """It is printed at once, because most often the contract is wrong."""

    async def answer(method: str, path: str, body_sent: bytes) -> Reply:
        return 200, body

    over = asyncio.Event()
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        probe = asyncio.create_task(HealthProbe(watched, Sampling(cadence_s=0.05)).run(over))
        await until(
            watched.journal,
            lambda _: len(list(watched.journal.history.of(HealthSample))) == 3,
        )
        over.set()
        await probe
        events = list(watched.journal.history.of(HealthUnread))
    if why is None:
        assert events == []
        return
    (event,) = events
    assert (why in event.why, event.word, event.status_code) == (True, word, 200)


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (503, "Unhealthy", "Unhealthy"),
        (503, " database: no route to host\n", "database: no route to host"),
        (500, "x" * 500, "x" * 199 + "…"),
        (200, "maintenance", "maintenance"),
    ],
)
async def test_a_plain_text_answer_is_quoted_and_is_no_error(
    tmp_path: Path, status: int, body: str, word: str
) -> None:
    """As ASP.NET Core answers by default: the body is the word, cut."""
    answer = await asked(tmp_path, (0, said(status, body, "text/plain; charset=utf-8")))
    assert (answer.state, answer.status_code) == (UNHEALTHY, status)
    assert (answer.word, answer.error) == (word, None)


async def test_an_empty_plain_text_answer_is_an_error(tmp_path: Path) -> None:
    """There is nothing to quote."""
    answer = await asked(tmp_path, (0, said(503, " \n", "text/plain")))
    assert (answer.state, answer.word) == (UNHEALTHY, None)
    assert answer.error == (
        "health answered 503 with text/plain, expected a JSON object, got no body"
    )


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"postgres": "down", "redis": "up"}, {"postgres": "down", "redis": "up"}),
        ({"postgres": {"status": "down", "error": "x"}}, {"postgres": "down"}),
        ({"postgres": {"error": "x"}, "redis": None}, {"postgres": "?", "redis": "?"}),
        ({"postgres": True, "redis": 3}, {"postgres": "true", "redis": "3"}),
        ({}, {}),
        ({"postgres": [{"status": "pass"}, {"status": "fail"}]}, {"postgres": "fail"}),
        ({"postgres": [{"status": "pass"}], "redis": []}, {"postgres": "pass", "redis": "?"}),
        ([{"name": "postgres", "status": "DOWN"}], {"postgres": "DOWN"}),
        (["postgres"], {}),
        ("postgres", {}),
        (None, {}),
    ],
)
async def test_dependencies_are_words_or_objects(
    tmp_path: Path, body: object, named: dict[str, str]
) -> None:
    """Objects and lists are common; any other shape names nothing, and breaks nothing."""
    answer = await asked(tmp_path, (200, {"status": "degraded", "dependencies": body}))
    assert answer.dependencies == named
    assert answer.state is DEGRADED


async def test_the_contract_names_the_members_to_read(tmp_path: Path) -> None:
    """Spring Boot calls them components."""
    contract = HealthContract(status_field="state", dependencies_field="components")
    body: dict[str, object] = {"state": "UP", "components": {"db": {"state": "DOWN"}}}
    answer = await asked(tmp_path, (200, body), contract)
    assert (answer.state, answer.dependencies) == (HEALTHY, {"db": "DOWN"})


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (None, "Timeout"),
        ((0, b""), "RemoteProtocolError"),
        ((0, b"220 mail.example ESMTP\r\n"), "RemoteProtocolError"),
        ((0, said(200, "{}")[:-1]), "RemoteProtocolError"),
    ],
    ids=["silent", "closed", "not HTTP", "cut short"],
)
async def test_no_answer_is_unreachable_with_its_cause(
    tmp_path: Path, reply: Reply | None, error: str
) -> None:
    """Silence, an early end, another protocol, half an answer."""
    answer = await asked(tmp_path, reply)
    assert (answer.state, answer.status_code) == (UNREACHABLE, None)
    assert error in str(answer.error)


async def test_a_refused_connect_is_unreachable(tmp_path: Path) -> None:
    """Nobody listens there any more."""

    async def unasked(method: str, path: str, body: bytes) -> Reply | None:
        raise AssertionError(path)

    async with server(unasked) as port:
        pass
    async with watching(tmp_path, Here(port)) as watched:
        answer = await ask_health(watched, timeout_s=PATIENCE_S)
    assert answer.state is UNREACHABLE
    assert "ConnectError" in str(answer.error)

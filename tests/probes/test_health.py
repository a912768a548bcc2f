"""Health as a prober sees it, against servers that answer in every way but the right one."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path

import pytest

from chaoslab.history.events import HealthSample, HealthTurned, HealthUnread, ProbeCrashed
from chaoslab.history.journal import read_history
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.when import AtMoment
from chaoslab.probes.base import guarded
from chaoslab.probes.boot import BootProbe
from chaoslab.probes.health import HealthProbe, ask_health
from chaoslab.probes.health_answer import Answer
from chaoslab.probes.prober import ProberProbe

from .rig import (
    PATIENCE_S,
    Here,
    Reply,
    assert_quiet,
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


async def sampled(
    folder: Path, reply: Reply | None, count: int, sampling: Sampling
) -> list[HealthSample]:
    """The samples that a health probe has written once there are so many, and it has ended."""

    async def answer(method: str, path: str, body: bytes) -> Reply | None:
        return reply

    over = asyncio.Event()
    async with server(answer) as port, watching(folder, Here(port)) as watched:
        journal = watched.journal
        journal.listeners.append(
            lambda _: over.set() if len(list(journal.history.of(HealthSample))) >= count else None
        )
        async with asyncio.timeout(PATIENCE_S):
            await HealthProbe(watched, sampling).run(over)
        assert not list(watched.journal.history.of(ProbeCrashed))
        return list(watched.journal.history.of(HealthSample))


async def test_a_question_is_not_asked_before_the_one_before_is_over(tmp_path: Path) -> None:
    """However short the cadence: a few workers are not filled up with the lab's own questions."""
    samples = await sampled(tmp_path, None, 4, Sampling(cadence_s=0.05, timeout_s=0.3))
    assert {sample.state for sample in samples} == {UNREACHABLE}
    assert all(0.3 <= sample.took_s < 3.0 for sample in samples)  # the rest is a machine's stall
    assert all(b.at_s >= a.at_s + a.took_s for a, b in pairwise(samples))


async def test_a_slow_machine_sends_no_burst_to_catch_up(tmp_path: Path) -> None:
    """After a delay of the event loop there is a gap, and not twenty samples at once."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return 200, {"status": "healthy"}

    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        stall = asyncio.Event()
        loop.call_later(0.2, lambda: (_stand_still(0.5), stall.set()))
        loop.call_later(0.9, over.set)
        await HealthProbe(watched, Sampling(cadence_s=0.05)).run(over)
        assert stall.is_set()
        samples = list(watched.journal.history.of(HealthSample))
    # four before, five after the gap; fewer where the machine itself stood still as well
    assert 1 <= len(samples) <= 12


def _stand_still(seconds: float) -> None:
    end_s = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end_s:
        pass


async def test_each_turn_of_health_is_written_once(tmp_path: Path) -> None:
    """Turns are what plans wait for; samples in between say the same again."""
    words = ["starting", "healthy", "healthy", "degraded", "degraded", "healthy"]
    given = iter([word for word in words for _ in range(2)])

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return 200, {"status": next(given, "healthy")}

    over = asyncio.Event()
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        probe = asyncio.create_task(HealthProbe(watched, Sampling(cadence_s=0.05)).run(over))
        await until(
            watched.journal,
            lambda _: len(list(watched.journal.history.of(HealthTurned))) == 4,
        )
        over.set()
        await probe
        turns = [turn.state for turn in watched.journal.history.of(HealthTurned)]
    assert turns == [UNHEALTHY, HEALTHY, DEGRADED, HEALTHY]


async def test_nothing_is_asked_in_the_quiet_time(tmp_path: Path) -> None:
    """Health traffic would wake the stale pool that a user's request is to find."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return 200, {"status": "healthy"}

    begins = AtMoment(moment="healthy", after_s=0.2, within_s=5.0)
    ends = AtMoment(moment="healthy", after_s=0.7, within_s=5.0)
    sampling = Sampling(cadence_s=0.02, quiet_from=begins, quiet_until=ends)
    over = asyncio.Event()
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        probe = asyncio.create_task(HealthProbe(watched, sampling).run(over))
        healthy_s = (await until(watched.journal, lambda e: isinstance(e, HealthTurned))).at_s
        await until(
            watched.journal, lambda e: isinstance(e, HealthSample) and e.at_s > healthy_s + 0.8
        )
        over.set()
        await probe
        sent_s = sorted(sample.at_s for sample in watched.journal.history.of(HealthSample))
    assert_quiet(sent_s, healthy_s + 0.2, healthy_s + 0.7)


async def test_the_probe_ends_with_the_sample_that_is_under_way(tmp_path: Path) -> None:
    """It has an outcome, and the end is bounded by its time-out."""

    async def answer(method: str, path: str, body: bytes) -> Reply | None:
        over.set()
        return None

    over, begun_s = asyncio.Event(), asyncio.get_running_loop().time()
    async with server(answer) as port, watching(tmp_path, Here(port)) as watched:
        await HealthProbe(watched, Sampling(cadence_s=0.05, timeout_s=0.3)).run(over)
        samples = list(watched.journal.history.of(HealthSample))
    assert asyncio.get_running_loop().time() - begun_s < 4.0  # 0.3 s, and a machine's stalls
    assert [bool(sample.error) for sample in samples] == [True]


@pytest.mark.parametrize("word", ["\ud800", "\x00", "ümläut", "a\nb"])
async def test_whatever_word_an_app_has_its_history_can_be_read(tmp_path: Path, word: str) -> None:
    """No answer of the app may damage the history of the run."""
    samples = await sampled(
        tmp_path,
        (200, {"status": word, "dependencies": {word: word}}),
        2,
        Sampling(cadence_s=0.05),
    )
    read = list(read_history(tmp_path / "history.jsonl").of(HealthSample))
    assert [(s.word, s.dependencies) for s in read] == [(s.word, s.dependencies) for s in samples]
    assert samples


async def test_a_probe_that_crashes_is_written_down_with_the_real_cause(tmp_path: Path) -> None:
    """Not as an exception group, and not silently: its verdicts become UNKNOWN."""

    async def crash() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_divide())

    async with watching(tmp_path, Here(1)) as watched:
        await guarded("health", crash(), watched.journal)
        crashed = watched.journal.history.first(ProbeCrashed)
    assert crashed is not None
    assert (crashed.probe, crashed.error) == ("health", "ZeroDivisionError: division by zero")


async def _divide() -> None:
    _ = 1 / 0


async def test_a_cancelled_probe_is_not_a_crash(tmp_path: Path) -> None:
    """The lab's own end is not the probe's fault."""
    async with watching(tmp_path, Here(1)) as watched:
        task = asyncio.create_task(guarded("x", asyncio.sleep(60), watched.journal))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert watched.journal.history.events == ()


async def test_a_path_is_asked_as_any_client_would_write_it(tmp_path: Path) -> None:
    """A query goes along, and what no request line may hold is escaped."""
    asked: list[str] = []

    async def answer(method: str, path: str, body: bytes) -> Reply:
        asked.append(path)
        return 200, {"status": "healthy"}

    contract = HealthContract(path="/a b?deep=yes")
    async with server(answer) as port, watching(tmp_path, Here(port), contract) as watched:
        assert (await ask_health(watched, timeout_s=PATIENCE_S)).state is HEALTHY
    assert asked == ["/a%20b?deep=yes"]


async def test_the_headers_of_the_contract_are_sent_on_each_path(tmp_path: Path) -> None:
    """To health, readiness, liveness and the start-up path; a Host replaces the lab's own."""
    heads: dict[str, list[str]] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        heads[lines[0].split()[1]] = [line.lower() for line in lines[1:]]
        writer.write(said(200, '{"status": "healthy", "startup_complete": true}'))
        writer.close()

    contract = HealthContract(
        live_path="/live",
        ready_path="/ready",
        startup_path="/startup",
        headers={"Host": "shop.test", "X-Token": "abc", "Accept": "application/json"},
    )
    over = asyncio.Event()
    async with (
        await asyncio.start_server(serve, "127.0.0.1", 0) as listening,
        watching(tmp_path, Here(listening.sockets[0].getsockname()[1]), contract) as watched,
    ):
        sampling = Sampling(cadence_s=0.05, prober_cadence_s=0.05)
        probes = [
            HealthProbe(watched, sampling).run(over),
            ProberProbe(watched, "live", sampling).run(over),
            BootProbe(watched).run(over),
        ]
        running = [asyncio.create_task(probe) for probe in probes]
        await until(watched.journal, lambda _: len(heads) == 4)
        over.set()
        await asyncio.gather(*running)
    assert set(heads) == {"/health", "/live", "/ready", "/startup"}
    for lines in heads.values():
        assert {"host: shop.test", "x-token: abc", "accept: application/json"} <= set(lines)
        assert sum(line.startswith(("host:", "accept:")) for line in lines) == 2

"""When health is asked, and what of its answers is written down."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from chaoslab.history.events import HealthSample, HealthTurned, ProbeCrashed
from chaoslab.history.journal import read_history
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.when import AtMoment
from chaoslab.probes.base import guarded
from chaoslab.probes.boot import BootProbe
from chaoslab.probes.health import HealthProbe, ask_health
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

"""A boot as seen from outside: its stages, and the three ways of never getting there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chaoslab.history.events import (
    Bound,
    Exited,
    FirstAnswer,
    HealthSample,
    ProbeCrashed,
    Ready,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.history.journal import History, read_history
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.probes.base import Watched
from chaoslab.probes.boot import BootProbe, watch_exit
from chaoslab.probes.health import HealthProbe
from chaoslab.probes.watch import Watch
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.local import LocalRuntime

from .rig import PATIENCE_S, Here, Reply, server, until, watching

PHASES = HealthContract(startup_path="/startup", ready_path="/ready")
PLAN = Plan(sampling=Sampling(timeout_s=0.3))

# Binds after BIND seconds, is complete after START, ready after READY, all since its first line.
APP = """
import http.server, json, sys, time
begun = time.monotonic()
port, bind, start, ready = int(sys.argv[1]), *map(float, sys.argv[2:])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        age = time.monotonic() - begun
        done = age >= (ready if self.path == "/ready" else start)
        body = {"status": "healthy" if done else "starting", "startup_complete": done,
                "startup_mode": "normal", "startup_completed_phases": ["init", "finalize"],
                "startup_phase_timings": {"init": 0.25}}
        raw = json.dumps(body).encode()
        self.send_response(200 if done or self.path == "/startup" else 503)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
    def log_message(self, *a): pass
time.sleep(bind)
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
NEVER_LISTENS = "import time; print('thinking', flush=True); time.sleep(60)"
SILENT = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("deaf", flush=True)
time.sleep(60)
"""
EXITS = "import sys; print('postgres: no route'); sys.exit('giving up')"
BADLY = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


@asynccontextmanager
async def booting(
    folder: Path, code: str, *words: float, health: HealthContract = PHASES
) -> AsyncIterator[tuple[Watched, Watch]]:
    """An app under every probe; ended with the block."""
    async with LocalRuntime() as runtime:
        port = await runtime.free_port()
        running = await runtime.spawn_app(
            AppStart(
                app=App(name="app", command=()),
                command=(sys.executable, "-c", code, str(port), *map(str, words)),
                env={},
                port=port,
                log=folder / "app.log",
            )
        )
        async with watching(folder, running, health) as watched:
            watch = Watch(watched, PLAN, {}, None)
            try:
                yield watched, watch
            finally:
                async with asyncio.timeout(10.0):
                    await watch.end()


def stages(history: History) -> list[str]:
    """The stages of the boot in the order in which they were written."""
    kinds = Bound | FirstAnswer | StartupSnapshot | StartupComplete | Ready | Exited
    return [event.kind for event in history.events if isinstance(event, kinds)]


async def test_each_stage_is_recorded_when_it_is_reached(tmp_path: Path) -> None:
    """Spawned, bound, answering 503, complete, ready: each later than the one before."""
    async with booting(tmp_path, APP, 0.2, 2.2, 4.2) as (watched, _):
        await until(watched.journal, lambda e: isinstance(e, Ready))
    history = watched.journal.history
    assert stages(history) == [
        "bound", "first_answer", "startup_snapshot", "startup_complete", "ready", "exited",
    ]  # fmt: skip
    bound, first, complete, ready = [
        history.first(kind) for kind in (Bound, FirstAnswer, StartupComplete, Ready)
    ]
    assert bound
    assert first
    assert complete
    assert ready
    assert bound.at_s >= 0.2
    assert bound.addresses == ("127.0.0.1",)
    assert first.status_code == 503
    assert bound.at_s <= first.at_s
    # two seconds lie between them; each may be seen late on a machine that is shared
    assert 0.5 <= complete.at_s - bound.at_s < 3.5
    assert 0.5 <= ready.at_s - complete.at_s < 3.5
    assert complete.state is HealthState.HEALTHY


async def test_the_published_start_up_is_recorded(tmp_path: Path) -> None:
    """Phases, timings in seconds and the mode, as published when it was complete."""
    async with booting(tmp_path, APP, 0, 0, 0) as (watched, _):
        await until(watched.journal, lambda e: isinstance(e, Ready))
    snapshot = watched.journal.history.first(StartupSnapshot)
    assert snapshot is not None
    assert (snapshot.complete, snapshot.failed, snapshot.mode) == (True, False, "normal")
    assert snapshot.completed_phases == ("init", "finalize")
    assert snapshot.phase_timings_s == {"init": 0.25}


async def test_the_phases_of_an_endless_start_up_are_recorded(tmp_path: Path) -> None:
    """It never completes. At the end the completed phases are recorded in the history."""
    async with booting(tmp_path, APP, 0, 600, 600) as (watched, _):
        await until(watched.journal, lambda e: isinstance(e, FirstAnswer))
    history = watched.journal.history
    assert stages(history)[-2:] == ["startup_snapshot", "exited"]
    snapshot = history.last(StartupSnapshot)
    assert snapshot is not None
    assert (snapshot.complete, snapshot.failed) == (False, False)


async def test_an_app_without_phases_is_complete_at_its_first_200(tmp_path: Path) -> None:
    """And without a readiness path it is ready at once."""
    async with booting(tmp_path, APP, 0, 0.2, 9, health=HealthContract()) as (watched, _):
        await until(watched.journal, lambda e: isinstance(e, Ready))
    assert stages(watched.journal.history) == [
        "bound", "first_answer", "startup_complete", "ready", "exited",
    ]  # fmt: skip


async def test_an_app_that_never_listens_is_alive_and_has_no_stage(tmp_path: Path) -> None:
    """It differs from an app that exited, and from one that listens and does not answer."""
    async with booting(tmp_path, NEVER_LISTENS) as (watched, _):
        async with asyncio.timeout(PATIENCE_S):
            while not watched.running.log_tail():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
        begun_s = watched.journal.now()
        await until(
            watched.journal, lambda e: isinstance(e, HealthSample) and e.at_s > begun_s + 0.4
        )
        assert watched.running.exit_code is None
        assert stages(watched.journal.history) == []
        samples = list(watched.journal.history.of(HealthSample))
    assert samples
    assert {s.state for s in samples} == {HealthState.UNREACHABLE}
    exited = watched.journal.history.first(Exited)
    assert exited is not None
    assert exited.asked
    assert exited.log_tail == ("thinking",)


async def test_an_app_that_listens_without_an_answer_is_only_bound(tmp_path: Path) -> None:
    """Its port is open, and nothing else is known."""
    async with booting(tmp_path, SILENT) as (watched, _):
        bound_s = (await until(watched.journal, lambda e: isinstance(e, Bound))).at_s
        await until(watched.journal, lambda e: isinstance(e, HealthSample) and e.at_s > bound_s)
        assert stages(watched.journal.history) == ["bound"]
    errors = [s.error for s in watched.journal.history.of(HealthSample) if s.at_s > bound_s]
    assert all("Timeout" in str(error) for error in errors)


@pytest.mark.parametrize(("code", "status", "said"), [(EXITS, 1, 2), (BADLY, -11, 0)])
async def test_an_exit_is_recorded_with_its_code_and_last_log_lines(
    tmp_path: Path, code: str, status: int, said: int
) -> None:
    """At once, and not as something that the lab asked for."""
    async with booting(tmp_path, code) as (watched, _):
        exited = await until(watched.journal, lambda e: isinstance(e, Exited))
    assert isinstance(exited, Exited)
    assert (exited.exit_code, exited.asked) == (status, False)
    assert exited.log_tail == ("postgres: no route", "giving up")[:said]
    assert stages(watched.journal.history) == ["exited"]


# --- what an app may publish ---


async def test_an_exit_has_its_own_time_also_with_a_slow_log(tmp_path: Path) -> None:
    """Stopped by the lab while its last lines are read: it had ended by itself before."""

    async def answer(method: str, path: str, body: bytes) -> Reply:
        return 200, {}

    asked = asyncio.Event()
    async with server(answer) as port, watching(tmp_path, running := Here(port)) as watched:
        watch = asyncio.create_task(watch_exit(watched, asked))
        running.ended.set()
        await asyncio.sleep(0.05)
        seen_s = watched.journal.now()
        asked.set()
        await asyncio.sleep(0.05)
        assert watched.journal.history.first(Exited) is None
        running.log_ended.set()
        async with asyncio.timeout(PATIENCE_S):
            assert await watch is True
        told = watched.journal.history.first(Exited)
    assert told
    assert told.at_s <= seen_s
    assert told.asked is False


async def probed(watched: Watched, last: type) -> History:
    """What the boot probe has written a moment after an event of that type."""
    over = asyncio.Event()
    health = HealthProbe(watched, Sampling(cadence_s=0.05, timeout_s=0.3))
    probes = asyncio.gather(BootProbe(watched).run(over), health.run(over))
    await until(watched.journal, lambda e: isinstance(e, last))
    await asyncio.sleep(0.2)  # in which no more may come
    over.set()
    async with asyncio.timeout(PATIENCE_S):
        await probes
    return watched.journal.history


async def published(folder: Path, startup: Reply | None, last: type) -> History:
    """What the boot probe makes of it."""

    async def answer(method: str, path: str, body: bytes) -> Reply | None:
        return startup if path == "/startup" else (200, {"status": "healthy"})

    async with server(answer) as port, watching(folder, Here(port), PHASES) as watched:
        return await probed(watched, last)


@pytest.mark.parametrize(
    "body",
    [
        {"startup_complete": True, "startup_mode": {"odd": 1}, "startup_completed_phases": "init"},
        {"startup_complete": True, "startup_mode": 7, "startup_completed_phases": [1, None, {}]},
        {"startup_complete": True, "startup_mode": "\ud800", "startup_failed_phases": ["\udc00"]},
        {"startup_complete": True, "startup_phase_timings": ["init", 1.0]},
        {
            "startup_complete": True,
            "startup_phase_timings": {"a": "1", "b": None, "c": 10**400, "d": True, "\ud800": 0.5},
        },
        {"startup_complete": True, "startup_phase_timings": {"a": float("nan"), "b": -1.0}},
    ],
)
async def test_odd_members_of_a_start_up_become_text_or_are_left_out(
    tmp_path: Path, body: dict[str, object]
) -> None:
    """The probe goes on, and the history can be read."""
    history = await published(tmp_path, (200, body), Ready)
    assert stages(history) == [
        "bound", "first_answer", "startup_snapshot", "startup_complete", "ready",
    ]  # fmt: skip
    snapshot = read_history(tmp_path / "history.jsonl").first(StartupSnapshot)
    assert snapshot is not None
    assert snapshot.complete
    assert all(0 <= seconds < 1e6 for seconds in snapshot.phase_timings_s.values())


@pytest.mark.parametrize(
    "startup", [None, (404, {"detail": "Not Found"}), (200, "<html>"), (200, []), (200, "[" * 9**5)]
)
async def test_a_start_up_path_without_an_answer_is_never_complete(
    tmp_path: Path, startup: Reply | None
) -> None:
    """An app that promises phases and publishes none has not shown that it started."""
    history = await published(tmp_path, startup, FirstAnswer)
    assert history.first(StartupComplete) is None
    assert history.first(ProbeCrashed) is None
    assert history.first(FirstAnswer) is not None


async def answering(folder: Path, last: type, *replies: Reply) -> History:
    """What the boot probe makes of these health answers, one after the other, then the last."""
    left = list(replies)

    async def answer(method: str, path: str, body: bytes) -> Reply | None:
        return left.pop(0) if len(left) > 1 else left[0]

    async with server(answer) as port, watching(folder, Here(port)) as watched:
        return await probed(watched, last)


@pytest.mark.parametrize(
    "reply", [(200, {"status": "down"}), (200, "<html>"), (200, {}), (503, {"status": "healthy"})]
)
async def test_a_start_up_is_not_complete_while_health_is_not_good(
    tmp_path: Path, reply: Reply
) -> None:
    """A 200 with a bad body is not enough; the good answer after it completes the start-up."""
    history = await answering(tmp_path, FirstAnswer, reply)
    assert history.first(FirstAnswer) is not None
    assert history.first(StartupComplete) is None
    (tmp_path / "then").mkdir()
    up: Reply = (200, {"status": "up"})
    history = await answering(tmp_path / "then", StartupComplete, reply, up)
    complete = history.first(StartupComplete)
    assert complete is not None
    assert complete.state is HealthState.HEALTHY


@pytest.mark.parametrize(
    "reply", [(429, {"status": "warning"}), (302, {"status": "warn"}), (200, {"status": "warn"})]
)
async def test_a_warning_completes_a_start_up_with_any_status_code(
    tmp_path: Path, reply: Reply
) -> None:
    """Consul's 429 and the 3xx of IETF health+json are degraded, and so is the start."""
    complete = (await answering(tmp_path, StartupComplete, reply)).first(StartupComplete)
    assert complete is not None
    assert complete.state is HealthState.DEGRADED


@pytest.mark.parametrize("slow_path", ["/startup", "/ready", "/health"])
async def test_an_answer_that_drips_does_not_hold_the_probe_up(
    tmp_path: Path, slow_path: str
) -> None:
    """Single bytes reset a time-out between bytes; the limit is on the complete answer."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        raw = b'{"status": "healthy", "startup_complete": true}'
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(raw))
        try:
            for n in range(len(raw)):
                writer.write(raw[n : n + 1])
                await writer.drain()
                if path == slow_path:
                    await asyncio.sleep(0.2)
        except OSError:
            pass
        finally:
            writer.close()

    over = asyncio.Event()
    async with (
        await asyncio.start_server(drip, "127.0.0.1", 0) as dripping,
        watching(tmp_path, Here(dripping.sockets[0].getsockname()[1]), PHASES) as watched,
    ):
        asyncio.get_running_loop().call_later(0.2, over.set)
        async with asyncio.timeout(4.0):  # the answer as a whole would take nine seconds
            await asyncio.gather(
                BootProbe(watched).run(over), HealthProbe(watched, Sampling()).run(over)
            )
    assert watched.journal.history.first(Ready) is None

"""Real labs whose own parts fail in mid-run: nothing of it is counted against the app."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chaoslab import Killed, Paused, Restarted, Severed, Stopped, expect, when
from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.history.events import AnyEvent, Bound, LabTrouble, RunEnded
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthContract
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Deadlines, Service, Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.server import TOXIPROXY_PROGRAM
from chaoslab.runtimes.local import LocalRuntime

# Healthy whatever happens to its server.
SOUND = (
    "{python}",
    "-c",
    "import http.server as h\n"
    "class A(h.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.send_header('content-length', '15')\n"
    '        self.end_headers(); self.wfile.write(b\'{{"status":"ok"}}\')\n'
    "    def log_message(self, *_): pass\n"
    "h.ThreadingHTTPServer(('127.0.0.1', {port}), A).serve_forever()",
)
TOPOLOGY = Topology(
    name="small",
    services={"redis": Service(name="redis", kind="redis")},
    apps={
        "shop": App(
            name="shop",
            command=SOUND,
            links=("redis",),
            health=HealthContract(),
            deadlines=Deadlines(startup_s=20, degraded_s=1, recovery_s=5),
        )
    },
)
LIMIT_S = 25.0


@dataclass
class Struck:
    """One part of a lab, which a test signals once the app listens."""

    part: str
    signals: tuple[signal.Signals, ...]
    for_s: float = 0.0
    runtime: LocalRuntime | None = None
    at_s: float = 0.0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[LocalRuntime]:
        async with LocalRuntime() as self.runtime:
            yield self.runtime

    def heard(self, event: AnyEvent) -> None:
        """Strike when the app listens, and again after `for_s`."""
        if isinstance(event, Bound) and not self.at_s:
            self.at_s, loop = now_s(), asyncio.get_running_loop()
            for number, each in enumerate(self.signals):
                loop.call_later(number * self.for_s, os.kill, self.pid(), each)

    def pid(self) -> int:
        assert self.runtime is not None
        if self.part in ("engine", "toxiproxy"):
            return self.runtime._helpers[0].pid
        if self.part == "watchdog":
            assert self.runtime._watchdog is not None
            return self.runtime._watchdog.pid
        pid = self.runtime._services[0].pid
        assert pid is not None
        return pid

    def setting(self) -> Setting:
        proxy: ProxyKind = "toxiproxy" if self.part == "toxiproxy" else "embedded"
        return Setting(open_runtime=self.opened, proxy=proxy, seed=1, listeners=(self.heard,))


# In force from before the spawn on, and its stop never comes: the run waits until its limit.
WAITING = (Severed(target="redis", mode="refused", stop=when.exited()),)


def plan(*faults: Declared) -> Plan:
    return Plan(
        name="trouble", faults=faults or WAITING, expect=(expect.Starts(),), limit_s=LIMIT_S
    )


TOXIPROXY = pytest.mark.skipif(
    shutil.which(TOXIPROXY_PROGRAM) is None, reason="no toxiproxy-server on PATH"
)


@pytest.mark.parametrize(
    "part", ["engine", pytest.param("toxiproxy", marks=TOXIPROXY), "redis", "watchdog"]
)
async def test_a_part_that_is_killed_ends_the_run_at_once_and_is_named(
    tmp_path: Path, part: str
) -> None:
    """The run ends as a failure of the lab, which says which part ended and by what; a second is
    the aim. A fault that is in force then is healed as far as that can be, and the app is ended.
    """
    struck, folder = Struck(part=part, signals=(signal.SIGKILL,)), RunFolder(tmp_path)
    with pytest.raises(ServiceFailed) as failure:
        await carry_out(TOPOLOGY, plan(), struck.setting(), folder)
    assert now_s() - struck.at_s < 5.0  # a stall of the machine included; it was 40 s
    named = {
        "engine": "the proxy engine",
        "toxiproxy": "the Toxiproxy server",
        "redis": "redis",
        "watchdog": "the lab's watchdog",
    }
    first = str(failure.value).splitlines()[0]
    assert first == f"{named[part]}: it ended by SIGKILL"
    trouble, ended = folder.history().first(LabTrouble), folder.history().last(RunEnded)
    assert trouble is not None
    assert (trouble.part, trouble.what) == (named[part], "it ended by SIGKILL")
    assert ended is not None
    assert ended.why == f"interrupted: {first}"


async def test_whoever_needs_a_part_that_has_ended_is_not_its_cause(tmp_path: Path) -> None:
    """A fault that the dead engine should put in force fails first; the run names the engine."""
    struck = Struck(part="engine", signals=(signal.SIGKILL,))
    begins = Severed(target="redis", mode="refused", start=when.bound(), stop=when.healthy(9))
    with pytest.raises(ServiceFailed) as failure:
        await carry_out(TOPOLOGY, plan(begins), struck.setting(), RunFolder(tmp_path))
    first = str(failure.value).splitlines()[0]
    assert first == "the proxy engine: it ended by SIGKILL"


@pytest.mark.parametrize("part", ["engine", "redis"])
async def test_a_part_that_hangs_makes_the_verdict_unknown(tmp_path: Path, part: str) -> None:
    """Stopped for 1.5 s while nothing of the plan was in force."""
    stop_and_go = (signal.SIGSTOP, signal.SIGCONT)
    struck, folder = Struck(part=part, signals=stop_and_go, for_s=1.5), RunFolder(tmp_path)
    waits = Stopped(target="redis", start=when.healthy(2.0), stop=when.healthy(2.5))
    (verdict,) = await carry_out(TOPOLOGY, plan(waits), struck.setting(), folder)
    assert verdict.outcome == "UNKNOWN"
    name = "the proxy engine" if part == "engine" else "redis"
    assert f"{name}: a signal has stopped it (SIGSTOP) for 1." in verdict.texts[0]


@pytest.mark.parametrize("make", [Paused, Stopped, Killed, Restarted])
async def test_a_fault_of_the_plan_on_a_server_is_not_trouble(
    tmp_path: Path, make: Callable[..., Declared]
) -> None:
    """The lab knows its own acts, and looks on once they are over."""
    struck, folder = Struck(part="redis", signals=()), RunFolder(tmp_path)
    fault = make(target="redis", name="f", start=when.healthy(0.1), stop=when.in_force("f", 0.6))
    await carry_out(TOPOLOGY, plan(fault), struck.setting(), folder)
    assert not list(folder.history().of(LabTrouble))

"""Faults on the path of an app in its own network, and what is counted of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chaoslab.faults import Severed
from chaoslab.faults.evidence import evidence_of
from chaoslab.history.events import LinkPackets
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.model.topology import App, Service, Topology
from chaoslab.runtimes.base import AppStart, RunningApp, Runtime
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.runtimes.netns import NetnsRuntime
from runtimes.clients import until_said
from runtimes.namespaces import needs_namespaces
from runtimes.stacks import SMALL, ground_of

LINK = "app.redis"
POSTGRES = Topology(
    name="user-timeout",
    services={"postgres": Service(name="postgres", kind="postgres")},
    apps={"app": App(name="app", command=("true",), links=("postgres",))},
    connectors={},
)
ASKS_ON = """
import psycopg, sys, time
with psycopg.connect(sys.argv[1], autocommit=True, tcp_user_timeout=2000) as connection:
    connection.execute("SELECT 1")
    print("open", flush=True)
    time.sleep(1.0)
    begun = time.monotonic()
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        print("gave up", time.monotonic() - begun, flush=True)
"""
DIALS = """
import socket, sys
for _ in range(3):
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
    except ConnectionRefusedError:
        print("refused", flush=True)
"""


@asynccontextmanager
async def asking(runtime: Runtime, folder: Path) -> AsyncIterator[tuple[Context, RunningApp]]:
    """An app of that runtime with an open connection of psycopg, through a proxy."""
    async with ground_of(runtime, POSTGRES, folder, "embedded") as context:  # type: ignore[arg-type]
        url = context.services["postgres"].url(context.addresses["app.postgres"])
        app = await runtime.spawn_app(
            AppStart(
                app=POSTGRES.apps["app"],
                command=(sys.executable, "-u", "-c", ASKS_ON, url),
                env={},
                port=await runtime.app_port(POSTGRES.apps["app"]),
                log=folder / "log",
            )
        )
        await until_said(app, "open")
        yield context, app


async def test_tcp_user_timeout_of_a_driver_acts_under_a_drop(tmp_path: Path) -> None:
    """Nothing is acknowledged, so the kernel ends the connection about 2 s after the question."""
    needs_namespaces()
    async with (
        NetnsRuntime(SMALL.apps.values()) as runtime,
        asking(runtime, tmp_path) as (context, app),
        injected(prepare(Severed(target="app.postgres"), context), context),
    ):
        assert await asyncio.wait_for(app.wait(), 20.0) == 0
        took_s = float(app.log_tail()[-1].split()[-1])
    # At a retransmission after 2 s; far from the 15 minutes without the option.
    assert 1.5 < took_s < 8.0


async def test_on_shared_loopback_it_does_not_act(tmp_path: Path) -> None:
    """There the proxy's kernel acknowledges the question, and the app waits on."""
    async with (
        LocalRuntime() as runtime,
        asking(runtime, tmp_path) as (context, app),
        injected(prepare(Severed(target="app.postgres"), context), context),
    ):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(app.exited(), 5.0)


@pytest.mark.parametrize(
    ("host", "counted"), [("", 3), ("203.0.113.7", 0)], ids=["the link", "another address"]
)
async def test_refused_connects_of_the_app_are_counted(
    lab: NetnsRuntime, context: Context, tmp_path: Path, host: str, counted: int
) -> None:
    """Three connects, three resets: the evidence that an app that exits leaves on no loopback. A
    connect to the same port of another address is refused as well, and is no evidence.
    """
    there, spec = context.addresses[LINK], Severed(target=LINK, mode="refused")
    async with injected(prepare(spec, context), context):
        command = (sys.executable, "-u", "-c", DIALS, host or there.host, str(there.port))
        app = SMALL.apps["app"]
        running = await lab.spawn_app(
            AppStart(app=app, command=command, env={}, port=8080, log=tmp_path / "log")
        )
        assert await running.wait() == 0
        assert running.log_tail() == ("refused",) * 3
    first, last = context.journal.history.of(LinkPackets)
    assert last.syns - first.syns == last.resets - first.resets == counted


@pytest.mark.parametrize("mode", ["dropped", "refused"])
async def test_canaries_are_not_counted_as_the_apps(context: Context, mode: str) -> None:
    """A fault that affected only the lab's canaries is not observed to affect the app."""
    spec = Severed(target=LINK, mode=mode)  # type: ignore[arg-type]
    async with injected(prepare(spec, context), context):
        for _ in range(3):
            await context.canary(SMALL.links[0], within_s=0.2)
    first, last = context.journal.history.of(LinkPackets)
    assert (first.syns, last.syns) == (0, 0)
    assert not evidence_of(spec, SMALL, context.journal.history).observed


LAB = """
import asyncio, sys
from chaoslab.model.topology import App
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.netns import NetnsRuntime
from pathlib import Path
async def main():
    app = App(name="app", command=())
    async with NetnsRuntime([app]) as lab:
        boot = await lab.spawn_app(AppStart(app=app, command=("sleep", "61"), env={}, port=8080,
            log=Path(sys.argv[1])))
        print(lab.folder, boot.pid, lab._namespaces.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("victim", ["lab", "namespaces"])
def test_sigkill_leaves_no_process_and_no_folder(tmp_path: Path, victim: str) -> None:
    """Whichever is killed, the kernel ends the app; the lab's death also removes its folder."""
    needs_namespaces()
    lab = subprocess.Popen(
        [sys.executable, "-c", LAB, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert lab.stdout is not None
        folder, *pids = lab.stdout.readline().split()
        app, holder = map(int, pids)
        os.kill(lab.pid if victim == "lab" else holder, signal.SIGKILL)
        end_s = time.monotonic() + 10.0  # generous: the machine may be busy
        while _lives(app) or (victim == "lab" and Path(folder).exists()):
            assert time.monotonic() < end_s, f"{app} lives: {_lives(app)}, {folder}"
            time.sleep(0.02)
    finally:
        lab.kill()
        lab.wait()
        lab.stdout.close()  # type: ignore[union-attr]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False

"""Connections that a heal leaves dead, to an app in its own network and on shared loopback."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from chaoslab.faults import Severed
from chaoslab.history.events import LinkLeftDead
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.runtimes.base import AppStart, RunningApp, Runtime
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.runtimes.netns import NetnsRuntime
from runtimes.clients import until_said
from runtimes.namespaces import needs_namespaces
from runtimes.stacks import SMALL, ground_of

from .test_outage import POSTGRES

LINK = "app.postgres"
HANGS_S = 5.0  # longer than the app with a time-out needs: about 2 s to 4 s
ASKS = """
import psycopg, sys, time
how = {"tcp_user_timeout": 2000} if sys.argv[2] == "with" else {}
def asked(**more):
    with psycopg.connect(sys.argv[1], autocommit=True, **more) as new:
        new.execute("SELECT 1")
old = psycopg.connect(sys.argv[1], autocommit=True, **how)
old.execute("SELECT 1")
print("open", flush=True)
time.sleep(float(sys.argv[3]))
asked(connect_timeout=10)
print("new works", flush=True)
try:
    old.execute("SELECT 1")
    print("answered", flush=True)
except psycopg.OperationalError:
    print("gave up", flush=True)
asked(connect_timeout=10)
print("recovered", flush=True)
"""
REUSES = """
import socket, struct, sys, time
def opened(port):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", port))
    made.settimeout(20)
    made.connect((sys.argv[1], int(sys.argv[2])))
    made.sendall(b"PING\\r\\n")
    assert made.recv(7) == b"+PONG\\r\\n"
    return made
old = opened(0)
port = old.getsockname()[1]
print("open", flush=True)
time.sleep(float(sys.argv[3]))
old.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
old.close()
opened(port)
print("used again", flush=True)
"""


@asynccontextmanager
async def asking(
    runtime: Runtime, folder: Path, time_out: Literal["with", "without"], wait_s: float
) -> AsyncIterator[tuple[Context, RunningApp]]:
    """An app with a connection of psycopg, which it uses again some seconds after it opened it."""
    async with ground_of(runtime, POSTGRES, folder, "embedded") as context:  # type: ignore[arg-type]
        url = context.services["postgres"].url(context.addresses[LINK])
        app = await runtime.spawn_app(
            AppStart(
                app=POSTGRES.apps["app"],
                command=(sys.executable, "-u", "-c", ASKS, url, time_out, str(wait_s)),
                env={},
                port=await runtime.app_port(POSTGRES.apps["app"]),
                log=folder / "log",
            )
        )
        await until_said(app, "open")
        yield context, app


async def outage(context: Context, mode: Literal["dropped", "silent"]) -> None:
    """A short outage whose heal leaves the app's connection dead."""
    fault = prepare(Severed(target=LINK, mode=mode, at_heal="dead"), context)
    async with injected(fault, context):
        await asyncio.sleep(0.1)
    (left,) = context.journal.history.of(LinkLeftDead)
    assert (left.link, left.connections) == (LINK, 1)


@pytest.mark.parametrize("mode", ["dropped", "silent"])
async def test_a_driver_with_tcp_user_timeout_recovers(
    mode: Literal["dropped", "silent"], tmp_path: Path
) -> None:
    """Nothing is acknowledged, so the kernel ends the dead connection; new ones work at once."""
    needs_namespaces()
    async with (
        NetnsRuntime(SMALL.apps.values()) as runtime,
        asking(runtime, tmp_path, "with", 2.0) as (context, app),
    ):
        await outage(context, mode)
        assert await asyncio.wait_for(app.wait(), 30.0) == 0
        assert app.log_tail()[-3:] == ("new works", "gave up", "recovered")


async def test_a_driver_without_time_outs_hangs(tmp_path: Path) -> None:
    """For as long as anybody waits, while new connections work."""
    needs_namespaces()
    async with (
        NetnsRuntime(SMALL.apps.values()) as runtime,
        asking(runtime, tmp_path, "without", 2.0) as (context, app),
    ):
        await outage(context, "dropped")
        await until_said(app, "new works")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(app.exited(), HANGS_S)


async def test_on_shared_loopback_tcp_user_timeout_does_not_act(tmp_path: Path) -> None:
    """There the proxy's kernel acknowledges what is sent on a dead connection."""
    async with (
        LocalRuntime() as runtime,
        asking(runtime, tmp_path, "with", 2.0) as (context, app),
    ):
        await outage(context, "dropped")
        await until_said(app, "new works")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(app.exited(), HANGS_S)


async def test_the_port_of_a_dead_connection_can_be_used_again(
    lab: NetnsRuntime, context: Context, tmp_path: Path
) -> None:
    """The SYN of a new connection from that port passes, and all that follows."""
    there, app = context.addresses["app.redis"], SMALL.apps["app"]
    command = (sys.executable, "-u", "-c", REUSES, there.host, str(there.port), "2.0")
    running = await lab.spawn_app(
        AppStart(app=app, command=command, env={}, port=8080, log=tmp_path / "log")
    )
    await until_said(running, "open")
    async with injected(prepare(Severed(target="app.redis", at_heal="dead"), context), context):
        pass
    assert await asyncio.wait_for(running.wait(), 30.0) == 0, running.log_tail()
    assert running.log_tail()[-1] == "used again"

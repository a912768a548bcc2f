"""Tiny real servers for the probes to watch, on loopback sockets of the test's own process."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

from chaoslab.clock import now_s
from chaoslab.history.events import AnyEvent, Request
from chaoslab.history.journal import Journal
from chaoslab.machine.births import LeftProcess
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket, sockets_of
from chaoslab.model.health import HealthContract
from chaoslab.model.requests import Found, RequestContract
from chaoslab.model.topology import App
from chaoslab.probes.base import Watched
from chaoslab.probes.workload import Sender
from chaoslab.runtimes.base import RunningApp, Usage

Reply = tuple[int, str | bytes | dict[str, object] | list[object]]
Answer = Callable[[str, str, bytes], Awaitable[Reply | None]]
PATIENCE_S = 10.0

WRITES = RequestContract(
    name="write",
    kind="write",
    method="POST",
    path="/things",
    body={"id": "{id}"},
    found=Found(service="postgres", table="things"),
)


class Here:
    """Implements `RunningApp` for a server inside the test's own process."""

    def __init__(self, port: int) -> None:
        self.pid = os.getpid()
        self.endpoint = Endpoint(host="127.0.0.1", port=port)
        self.listens_on = port
        self.spawned_s = now_s()
        self.exit_code: int | None = None
        self.uses: Usage | None = None
        self.left_running: tuple[LeftProcess, ...] = ()
        self.killed_after_s: float | None = None
        self.ended, self.log_ended = asyncio.Event(), asyncio.Event()

    def endpoint_of(self, port: str) -> Endpoint:
        return self.endpoint

    async def exited(self) -> int:
        await self.ended.wait()
        return 0

    async def wait(self) -> int:
        await self.log_ended.wait()
        return await self.exited()

    def sockets(self) -> tuple[AppSocket, ...]:
        return sockets_of(self.pid)

    async def usage(self) -> Usage | None:
        return self.uses

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        return ("nothing to say",)[:lines]

    async def terminate(self, grace_s: float = 2.0) -> int:
        self.exit_code = 0
        self.ended.set()
        self.log_ended.set()
        return 0


def said(status: int, body: object, kind: str = "application/json", **headers: str) -> bytes:
    """An HTTP answer in full."""
    raw = body if isinstance(body, bytes) else str(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {kind}", f"content-length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + raw


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[int]:
    """Serve HTTP with `answer(method, path, body)`; bytes are sent as they are, None is silence."""
    silence = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            method, path, _ = head.split(" ", 2)
            lengths = [line for line in head.splitlines() if line.startswith("content-length:")]
            body = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
            reply = await answer(method.upper(), path, body)
            if reply is None:
                await silence.wait()
            elif isinstance(reply[1], bytes):
                writer.write(reply[1])
            else:
                text = reply[1] if isinstance(reply[1], str) else json.dumps(reply[1])
                writer.write(said(reply[0], text))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        silence.set()


@asynccontextmanager
async def watching(
    folder: Path,
    running: RunningApp,
    health: HealthContract | None = None,
    writes: RequestContract | None = WRITES,
) -> AsyncIterator[Watched]:
    """One boot under watch, with a journal of its own."""
    journal = Journal(folder / "history.jsonl")
    requests = {writes.name: writes} if writes else {}
    health = health or HealthContract()
    app = App(name="app", command=("true",), health=health, requests=requests)
    try:
        yield Watched(app=app, boot=1, running=running, journal=journal)
    finally:
        journal.close()


def assert_cadence(sent_s: Sequence[float], cadence_s: float) -> None:
    """One sample each cadence: none doubled, and none that waits for the answer of the one before.

    Doubled by the count since the journal began, because what a stall of the machine has held up
    may be sent at once after it; waiting by the middle gap, because a stall makes few ones longer.
    """
    assert len(sent_s) <= sent_s[-1] / cadence_s + 2
    gaps = sorted(b - a for a, b in pairwise(sent_s))
    assert gaps[len(gaps) // 2] < 3 * cadence_s


def assert_quiet(sent_s: Sequence[float], from_s: float, until_s: float) -> None:
    """Nothing is sent in between, but for one sample that a machine that stalls may send late."""
    assert sum(from_s < each < until_s for each in sent_s) <= 1
    assert sent_s[-1] > until_s, "it went on afterwards"


async def until(journal: Journal, is_it: Callable[[AnyEvent], bool]) -> AnyEvent:
    """The first event that is it; fails where none is within the patience."""
    found = await journal.wait_for(lambda events: next(filter(is_it, events), None), PATIENCE_S)
    assert found is not None, [event.kind for event in journal.history.events]
    return found


async def sent(by: Sender, *, timeout_s: float) -> Request:
    """Send one write of `WRITES`, and return its result."""
    request = await by.send(WRITES, timeout_s=timeout_s)
    assert request is not None
    return request

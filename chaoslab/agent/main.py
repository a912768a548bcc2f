"""The agent as a process: reads requests from stdin until it ends, answers on stdout."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

from chaoslab.agent import canary, protocol
from chaoslab.agent.build_context import content_hash
from chaoslab.agent.canary_ports import CanaryPorts
from chaoslab.agent.handing import Handing
from chaoslab.agent.outside import OutsideWatch
from chaoslab.agent.packet_rules import PacketRules
from chaoslab.agent.protocol import BadRequest, Json, Request
from chaoslab.agent.socket_watch import watch
from chaoslab.agent.stdio import Stdout, lines_in
from chaoslab.clock import now_s
from chaoslab.errors import ChaoslabError, ErrorCode, InjectionFailed, Problem
from chaoslab.model.sighting import Question

NO_ADDRESS = ErrorCode(
    "agent.no_address",
    "the name '{host}' has no address in the network of the app: {cause}",
    "A name could not be resolved to an IPv4 address in the app's network namespace.",
)
_EVERY_S = 0.02


class Agent:
    """Carries out the lab's requests, several at a time. `send` writes one message to the lab.

    With `address`, packet rules apply to that address of this network namespace, else to all.
    """

    def __init__(self, send: Callable[[Json], Awaitable[None]], address: str = "") -> None:
        self._send = send
        self._ports = CanaryPorts()
        self._rules = PacketRules(address=address)
        self._watching: asyncio.Task[None] | None = None
        self._outside: OutsideWatch | None = None
        self._verbs: dict[str, Callable[[Request], Awaitable[Json]]] = {
            "about": self._about,
            "ask": self._ask,
            "check_dead": self._check_dead,
            "counters": self._counters,
            "drop": self._drop,
            "guard": self._guard,
            "leave_dead": self._leave_dead,
            "outside": self._attempts_outside,
            "pass": self._pass,
            "pulse": self._pulse,
            "unguard": self._unguard,
            "watch": self._watch,
        }

    async def handle(self, line: bytes) -> None:
        """Carry out one request and send its answer, which may be an error."""
        answer: Json
        try:
            request = protocol.read(line)
            answer = {"id": request.id, "ok": await self._done(request)}
        except BadRequest as error:
            answer = {"id": error.id, "error": str(error)}
        except ChaoslabError as error:
            answer = {"id": request.id, "error": str(error)}
        except Exception as error:
            answer = {"id": request.id, "error": f"{request.do}: {type(error).__name__}: {error}"}
        await self._send(answer)

    async def _done(self, request: Request) -> Json:
        verb = self._verbs.get(request.do)
        if verb is None:
            known = ", ".join(self._verbs)
            raise BadRequest(
                f"unknown request {request.do!r}; expected one of: {known}", request.id
            )
        return await verb(request)

    async def _pulse(self, _: Request) -> Json:
        """Return an empty answer. The answer itself shows that the event loop runs."""
        return {}

    async def _about(self, _: Request) -> Json:
        try:
            tool, why_none = await self._rules.about(), ""
        except InjectionFailed as error:
            tool, why_none = "", str(error)
        return {
            "hash": content_hash(),
            "python": platform.python_version(),
            "rules": tool or None,
            "why_no_rules": why_none,
        }

    async def _ask(self, request: Request) -> Json:
        question = Question(asked=request.data("asked"), answered=request.flag("answered"))
        port, within_s = request.port(), request.seconds("within_s")
        sighting = await canary.ask(
            await _resolved(request.text("host")),
            port,
            question,
            within_s=within_s,
            source=self._ports,
        )
        return {**asdict(sighting), "at_s": now_s()}

    async def _watch(self, request: Request) -> Json:
        on, every_s = request.flag("on"), request.seconds("every_s", _EVERY_S)
        if self._watching:
            self._watching.cancel()
            self._watching = None
        if on:
            self._watching = asyncio.create_task(
                watch(self._send, every_s=every_s, own=self._ports.inodes)
            )
        return {}

    async def _attempts_outside(self, _: Request) -> Json:
        """The attempts at addresses outside the lab since the first request of this kind."""
        if self._outside is None:
            self._outside = OutsideWatch()
        return self._outside.seen()

    async def _guard(self, request: Request) -> Json:
        await self._rules.guard(request.port())
        return {}

    async def _unguard(self, request: Request) -> Json:
        await self._rules.unguard(request.port())
        return {}

    async def _drop(self, request: Request) -> Json:
        await self._rules.switch(request.port(), dropping=True)
        return {"at_s": now_s()}

    async def _pass(self, request: Request) -> Json:
        await self._rules.switch(request.port(), dropping=False)
        return {"at_s": now_s()}

    async def _check_dead(self, _: Request) -> Json:
        await self._rules.check_dead()
        return {}

    async def _leave_dead(self, request: Request) -> Json:
        await self._rules.leave_dead(request.port(), request.ports("clients"))
        return {"at_s": now_s()}

    async def _counters(self, request: Request) -> Json:
        return {**asdict(await self._rules.counters(request.port())), "at_s": now_s()}


async def _resolved(host: str) -> str:
    """The IPv4 address of a host; an address is returned as it is.

    A name is looked up on each call, because a container's address changes.
    """
    try:
        socket.inet_aton(host)
    except OSError:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, None, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
        except OSError as error:
            reason = NO_ADDRESS(host=host, cause=str(error.strerror))
            fix = "start its container, and connect it to the app's network"
            raise InjectionFailed(Problem(reason=reason, fix=fix)) from None
        return str(found[0][4][0])
    return host


async def serve(channels: Sequence[socket.socket] = (), address: str = "") -> int:
    """Serve the lab's requests until stdin ends, stdout is closed, or SIGTERM or SIGINT arrives.
    Returns exit code 0.

    Through `channels` other processes request sockets and programs of this namespace, see
    `handing`. `address` is that of the packet rules, see `Agent`.
    Packet rules stay: if the lab was killed during a run, a new agent in the same namespace takes
    over the rules that it finds.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):  # process 1 has no default handlers
        loop.add_signal_handler(number, ended.set)
    out = await Stdout.opened(ended.set)
    agent = Agent(out.send, address)
    if channels:
        handing = Handing(out.send)
        for channel in channels:
            handing.serve(channel)
    reading = asyncio.create_task(_read(agent))
    reading.add_done_callback(lambda _: ended.set())
    await out.send({"ready": True, "pid": os.getpid(), "at_s": now_s()})
    await ended.wait()
    if reading.done() and (error := reading.exception()):
        raise error
    return 0


async def _read(agent: Agent) -> None:
    running: set[asyncio.Task[None]] = set()
    async for line in lines_in():
        task = asyncio.create_task(agent.handle(line))
        running.add(task)
        task.add_done_callback(running.discard)


def main(channels: Sequence[socket.socket] = (), address: str = "") -> None:
    """Serve the lab's requests, then exit at once, even if a thread is still looking up a name."""

    async def served() -> None:
        code = await serve(channels, address)
        sys.stderr.flush()
        os._exit(code)

    asyncio.run(served())

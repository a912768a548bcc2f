"""The lab's side of an agent, a small program of the lab in another network namespace.

Requests go to its stdin, answers come from its stdout, both over one stream. A thread reads the
answers, so that one event loop after the other can use the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Any, cast

from chaoslab.agent.iptables_rules import Counters
from chaoslab.errors import ErrorCode, InjectionFailed, Problem, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket, host_of
from chaoslab.machine.trouble import Trouble, last_lines
from chaoslab.model.sighting import Outcome, Question, Sighting
from chaoslab.runtimes.parts import API_BOUND_S, START_LIMIT_S

AGENT_ENDED = ErrorCode(
    "agent.ended",
    "{agent} has ended: {cause}",
    "An agent, the lab's program in an app's network, ended.",
)
AGENT_SILENT = ErrorCode(
    "agent.no_answer",
    "{agent} did not answer '{request}' in time",
    "An agent, the lab's program in an app's network, did not answer in time.",
)
AGENT_NOT_READY = ErrorCode(
    "agent.not_ready",
    "{agent} sent nothing for {within_s:g} s",
    "An agent started, but did not answer the lab's first request.",
)
AGENT_REFUSED = ErrorCode(
    "agent.failed",
    "the agent could not '{request}': {cause}",
    "An agent, the lab's program in an app's network, could not carry out a request.",
)
NO_SOCKETS = ErrorCode(
    "agent.no_sockets",
    "{agent} cannot list sockets: {cause}",
    "An agent, the lab's program in an app's network, cannot list sockets.",
)
ANSWER_WITHIN_S = 10.0


class Agent(ABC):
    """An agent, used through a stream; it ends if the stream is closed. `name` is for people."""

    def __init__(self, name: str, stream: socket.socket, *, look_every_s: float) -> None:
        self.name, self.look_every_s = name, look_every_s
        self._socket = stream
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._table: tuple[AppSocket, ...] | None = None
        self._why_gone = self._why_blind = ""
        self._gone: RuntimeUnavailable | None = None
        self._closing = False
        self._sending = threading.Lock()
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._reader.start()

    @abstractmethod
    def _received(self) -> bytes:
        """The next bytes that the agent sent; empty at the end of the stream. Blocks."""

    @abstractmethod
    def _log_tail(self) -> Sequence[str]:
        """The last lines of the agent's log."""

    @abstractmethod
    def _ended_by(self, why: str) -> tuple[str, RuntimeUnavailable]:
        """Why the agent ended, and the error to raise; `why` is how its stream ended."""

    async def trouble(self) -> Trouble | None:
        """The trouble of the agent if it does not answer or has ended, else None; it is a `Part` of
        the lab.
        """
        try:
            async with asyncio.timeout(API_BOUND_S):
                await self.request("pulse")
        except TimeoutError:
            return Trouble(what=f"no answer within {API_BOUND_S:g} s")
        except RuntimeUnavailable as error:
            return self._trouble_of(error)
        return None

    def _trouble_of(self, error: RuntimeUnavailable) -> Trouble:
        """What to report if the agent has ended with that error."""
        del error
        return Trouble(what=self._why_gone, ended=True)

    def wait_until_ready(self) -> None:
        """Block until the agent takes requests.

        Raises RuntimeUnavailable, with the agent's last log lines, if it does not answer in time.
        """
        try:
            # It may have sent its first line before the stream was attached.
            _answered("watch", self._send("watch", {"on": False}).result(START_LIMIT_S))
        except TimeoutError:
            reason = AGENT_NOT_READY(agent=self.name, within_s=START_LIMIT_S)
            lines = last_lines(self._log_tail())
            raise RuntimeUnavailable(Problem(reason=reason, lines=lines)) from None

    def ask_now(self, do: str, **given: object) -> dict[str, Any]:
        """Send a request and wait for its answer; for callers without an event loop. Blocks.

        Raises InjectionFailed if the agent could not carry it out, TimeoutError without an answer
        in time.
        """
        return _answered(do, self._send(do, given).result(ANSWER_WITHIN_S))

    async def request(self, do: str, **given: object) -> dict[str, Any]:
        """Send a request and await its answer.

        Raises InjectionFailed if the agent could not carry it out or did not answer in time,
        RuntimeUnavailable if the agent has ended.
        """
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return _answered(do, await asyncio.wrap_future(self._send(do, given)))
        except TimeoutError:
            reason = AGENT_SILENT(agent=self.name, request=do)
            raise InjectionFailed(Problem(reason=reason)) from None

    async def canary(self, address: Endpoint, question: Question, *, within_s: float) -> Sighting:
        """Send a canary to a server at that address, from the agent's network namespace."""
        answer = await self.request(
            "ask",
            host=address.host,
            port=address.port,
            asked=question.asked.hex(),
            answered=question.answered,
            within_s=within_s,
        )
        return Sighting(
            outcome=cast("Outcome", answer["outcome"]),
            took_s=answer["took_s"],
            client_port=answer["client_port"],
        )

    def watch(self) -> None:
        """Make the agent send the sockets of its namespace from now on, whenever they change."""
        self.ask_now("watch", on=True)

    def sockets(self) -> tuple[AppSocket, ...]:
        """The sockets that the agent sent last.

        Raises RuntimeUnavailable if the agent has ended, cannot list sockets, or was not requested
        to watch.
        """
        if self._why_gone or self._why_blind or self._table is None:
            why = self._why_gone or self._why_blind or "watching was not requested"
            reason = NO_SOCKETS(agent=self.name, cause=why)
            raise RuntimeUnavailable(Problem(reason=reason))
        return self._table

    # --- packet rules: what `chaoslab.proxies.filtered.PacketFilter` asks for ---

    async def guard(self, port: int) -> None:
        """Count packets at the port from now on."""
        await self.request("guard", port=port)

    async def drop(self, port: int) -> None:
        """Drop all packets at the port from now on, in both directions."""
        await self.request("drop", port=port)

    async def let_pass(self, port: int) -> None:
        """Stop dropping packets at the port."""
        await self.request("pass", port=port)

    async def check_dead(self) -> None:
        """Raise InjectionFailed if the packets of single connections cannot be dropped."""
        await self.request("check_dead")

    async def leave_dead(self, port: int, clients: Collection[int]) -> None:
        """Drop all packets of the connections from the local ports `clients` to the port."""
        await self.request("leave_dead", port=port, clients=sorted(clients))

    async def counters(self, port: int) -> Counters:
        """The counters of packets at the port, now."""
        counted = await self.request("counters", port=port)
        return Counters(**{name: counted[name] for name in Counters.__slots__})

    async def unguard(self, port: int) -> None:
        """Remove the rules that count and drop packets at the port."""
        await self.request("unguard", port=port)

    def close(self) -> None:
        """Close the agent's stream; the agent then ends."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _send(self, do: str, given: dict[str, object]) -> Future[dict[str, Any]]:
        number, answer = next(self._ids), Future[dict[str, Any]]()
        line = json.dumps({"id": number, "do": do, **given}).encode() + b"\n"
        with self._sending:
            if self._gone is not None:
                raise type(self._gone)(self._gone.problems)
            self._waiting[number] = answer
            try:
                self._socket.sendall(line)
            except OSError as error:
                del self._waiting[number]
                raise self._ended(str(error)) from None
        return answer

    def _read(self) -> None:
        pending, why = b"", "its stream ended"
        try:
            while data := self._received():
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        except (OSError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
        self._end(why)

    def _take(self, message: dict[str, Any]) -> None:
        if "watch_failed" in message:
            self._why_blind = str(message["watch_failed"])
        elif "sockets" in message:
            self._table = tuple(
                AppSocket(
                    state=state,
                    local_port=local,
                    remote_port=remote,
                    local_host=host_of(bytes.fromhex(here)),
                )
                for state, local, remote, here in message["sockets"]
            )
        elif (answer := self._waiting.pop(message.get("id", 0), None)) is not None:
            with contextlib.suppress(Exception):  # the caller was cancelled
                answer.set_result(message)

    def _end(self, why: str) -> None:
        closing = self._closing
        why, gone = (why, self._ended(why)) if closing else self._ended_by(why)
        with self._sending:
            self._why_gone, self._gone = why, gone
            for answer in self._waiting.values():
                with contextlib.suppress(Exception):  # the caller was cancelled
                    answer.set_exception(gone)
            self._waiting.clear()

    def _ended(self, why: str) -> RuntimeUnavailable:
        return RuntimeUnavailable(Problem(reason=AGENT_ENDED(agent=self.name, cause=why)))


def _answered(do: str, answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        reason = AGENT_REFUSED(request=do, cause=str(answer["error"]))
        raise InjectionFailed(Problem(reason=reason))
    return cast("dict[str, Any]", answer["ok"])

"""The lab's side of an agent, a small program of the lab in a container.

Requests go to its stdin, answers come from its stdout. A thread reads the answers, so that one
event loop after the other can use the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import struct
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

from chaoslab.agent.iptables_rules import Counters
from chaoslab.errors import (
    ChaoslabError,
    ErrorCode,
    InjectionFailed,
    Problem,
    RuntimeUnavailable,
)
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket
from chaoslab.machine.trouble import Trouble, last_lines
from chaoslab.model.sighting import Outcome, Question, Sighting
from chaoslab.runtimes.containers.engine import last_log_lines
from chaoslab.runtimes.containers.parts import LOOK_EVERY_S, engine_gone, how_it_ended
from chaoslab.runtimes.containers.problems import EngineGone, engine_errors
from chaoslab.runtimes.parts import API_BOUND_S

if TYPE_CHECKING:
    from docker.models.containers import Container

AGENT_ENDED = ErrorCode(
    "agent.ended",
    "{agent} has ended: {cause}",
    "An agent, the lab's program in a container, ended.",
)
AGENT_SILENT = ErrorCode(
    "agent.no_answer",
    "{agent} did not answer '{request}' in time",
    "An agent, the lab's program in a container, did not answer in time.",
)
AGENT_NOT_READY = ErrorCode(
    "agent.not_ready",
    "{agent} sent nothing for {within_s:g} s",
    "An agent started, but did not answer the lab's first request.",
)
AGENT_REFUSED = ErrorCode(
    "agent.failed",
    "the agent could not '{request}': {cause}",
    "An agent, the lab's program in a container, could not carry out a request.",
)
NO_SOCKETS = ErrorCode(
    "agent.no_sockets",
    "{agent} cannot list sockets: {cause}",
    "An agent, the lab's program in a container, cannot list sockets.",
)
ANSWER_WITHIN_S = 10.0
_FRAME = struct.Struct(">BxxxL")  # stream, length: the engine's multiplexed stream
_STDOUT = 1


class Agent:
    """An agent in a container, used through its attached stream. The agent ends if the stream is
    closed.
    """

    look_every_s = LOOK_EVERY_S

    def __init__(self, container: Container) -> None:
        self.name = f"the agent {container.name}"
        self._container = container
        with engine_errors(self.name):
            options = {"stdin": 1, "stdout": 1, "stream": 1}
            self._attached = container.attach_socket(params=options)
        # docker-py wraps the socket of a Unix domain in a file that cannot write.
        self._socket: socket.socket = getattr(self._attached, "_sock", self._attached)
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._table: tuple[AppSocket, ...] | None = None
        self._why_gone = self._why_blind = ""
        self._gone: RuntimeUnavailable | None = None
        self._closing = False
        self._sending = threading.Lock()
        self._reader = threading.Thread(target=self._read, name=str(container.name), daemon=True)
        self._reader.start()

    @property
    def container(self) -> Container:
        """The agent's container, which owns or shares the network namespace."""
        return self._container

    async def trouble(self) -> Trouble | None:
        """The trouble of the agent if it does not answer or has ended, else None; for the lab's
        checks.
        """
        try:
            async with asyncio.timeout(API_BOUND_S):
                await self.request("pulse")
        except TimeoutError:
            return Trouble(what=f"no answer within {API_BOUND_S:g} s")
        except EngineGone as error:
            return engine_gone(error)
        except RuntimeUnavailable:
            return Trouble(what=self._why_gone, ended=True)
        return None

    def wait_until_ready(self) -> None:
        """Block until the agent takes requests.

        Raises RuntimeUnavailable, with the agent's last log lines, if it does not answer in time.
        """
        try:
            # It may have sent its first line before the stream was attached.
            self.ask_now("watch", on=False)
        except TimeoutError:
            reason = AGENT_NOT_READY(agent=self.name, within_s=ANSWER_WITHIN_S)
            lines = last_lines(last_log_lines(self._container, 8))
            raise RuntimeUnavailable(Problem(reason=reason, lines=lines)) from None

    def ask_now(self, do: str, **given: object) -> dict[str, Any]:
        """Send the request `do` with the fields `given`, wait for its answer and return it; for
        callers without an event loop. Blocks.

        Raises InjectionFailed if the agent could not carry it out, TimeoutError if there is no
        answer in time.
        """
        return _answered(do, self._send(do, given).result(ANSWER_WITHIN_S))

    async def request(self, do: str, **given: object) -> dict[str, Any]:
        """Send the request `do` with the fields `given`, await its answer and return it.

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
        """Send a canary to a server at `address`, from the agent's network namespace. Returns what
        the canary observed.
        """
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
        """The sockets of the agent's network namespace, as the agent sent them last.

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
        self._attached.close()
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
            while (frame := self._frame()) is not None:
                *lines, pending = (pending + frame).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        except (OSError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
        self._end(why)

    def _frame(self) -> bytes | None:
        header = self._exactly(_FRAME.size)
        if header is None:
            return None
        stream, length = _FRAME.unpack(header)
        payload = self._exactly(length)
        return payload if stream == _STDOUT or payload is None else b""

    def _exactly(self, length: int) -> bytes | None:
        data = b""
        while len(data) < length:
            if not (chunk := self._socket.recv(length - len(data))):
                return None
            data += chunk
        return data

    def _take(self, message: dict[str, Any]) -> None:
        if "watch_failed" in message:
            self._why_blind = str(message["watch_failed"])
        elif "sockets" in message:
            self._table = tuple(
                AppSocket(state=state, local_port=local, remote_port=remote)
                for state, local, remote in message["sockets"]
            )
        elif (answer := self._waiting.pop(message.get("id", 0), None)) is not None:
            with contextlib.suppress(Exception):  # the caller was cancelled
                answer.set_result(message)

    def _end(self, why: str) -> None:
        why, gone = self._because(why)
        with self._sending:
            self._why_gone, self._gone = why, gone
            for answer in self._waiting.values():
                with contextlib.suppress(Exception):  # the caller was cancelled
                    answer.set_exception(gone)
            self._waiting.clear()

    def _because(self, why: str) -> tuple[str, RuntimeUnavailable]:
        """Why the agent ended, in words, and the error to raise for it.

        The words are the engine's own, if the engine still answers, else `why`.
        """
        if not self._closing:
            try:
                with engine_errors(self.name):
                    inspect = self._container.client.api.inspect_container
                    state = inspect(self._container.id)["State"]
                why = why if state["Running"] else how_it_ended(state)
            except EngineGone as error:
                return why, error
            except ChaoslabError as error:  # such as a container that was removed
                why = str(error).partition("\n")[0]
        return why, self._ended(why)

    def _ended(self, why: str) -> RuntimeUnavailable:
        return RuntimeUnavailable(Problem(reason=AGENT_ENDED(agent=self.name, cause=why)))


def _answered(do: str, answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        reason = AGENT_REFUSED(request=do, cause=str(answer["error"]))
        raise InjectionFailed(Problem(reason=reason))
    return cast("dict[str, Any]", answer["ok"])

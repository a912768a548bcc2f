"""The lab's end of an agent: requests go to its stdin, answers and sightings come from its stdout.

A thread reads; so an agent serves one event loop after the other, as scenarios have them.
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
from chaoslab.errors import ChaoslabError, InjectionFailed, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.sockets import AppSocket
from chaoslab.machine.trouble import Trouble
from chaoslab.model.sighting import Outcome, Question, Sighting
from chaoslab.runtimes.containers.parts import LOOK_EVERY_S, engine_gone, how_it_ended
from chaoslab.runtimes.containers.problems import EngineGone, told
from chaoslab.runtimes.parts import API_BOUND_S

if TYPE_CHECKING:
    from docker.models.containers import Container

ANSWER_WITHIN_S = 10.0
_FRAME = struct.Struct(">BxxxL")  # stream, length: the engine's multiplexed stream
_STDOUT = 1


class Agent:
    """An agent in a container, by its attached stream; it ends when the stream does."""

    look_every_s = LOOK_EVERY_S

    def __init__(self, container: Container) -> None:
        self._name = str(container.name)
        self._container = container
        with told(f"the agent {self._name}"):
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
        self._reader = threading.Thread(target=self._read, name=self._name, daemon=True)
        self._reader.start()

    @property
    def container(self) -> Container:
        """Its own container, which owns or shares the namespace."""
        return self._container

    @property
    def name(self) -> str:
        """By its container."""
        return f"the agent {self._name}"

    async def trouble(self) -> Trouble | None:
        """Silence, or its end: `agent` is a `Part` of the lab."""
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
        """Block until it takes requests. Raises RuntimeUnavailable with its last log lines."""
        try:
            # Its own first line may have been said before the stream was attached.
            self.ask_now("watch", on=False)
        except TimeoutError:
            raise RuntimeUnavailable(
                f"the agent {self._name} sent nothing for {ANSWER_WITHIN_S:g} s\n"
                f"{self._last_words()}"
            ) from None

    def ask_now(self, do: str, **given: object) -> dict[str, Any]:
        """A request from outside of any event loop; blocks for its answer."""
        return _answered(do, self._send(do, given).result(ANSWER_WITHIN_S))

    async def request(self, do: str, **given: object) -> dict[str, Any]:
        """Send a request and await its answer. Raises InjectionFailed where it says an error."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return _answered(do, await asyncio.wrap_future(self._send(do, given)))
        except TimeoutError:
            raise InjectionFailed(f"the agent {self._name} did not answer '{do}' in time") from None

    async def canary(self, address: Endpoint, question: Question, *, within_s: float) -> Sighting:
        """What a client meets at that address from where the agent stands."""
        met = await self.request(
            "ask",
            host=address.host,
            port=address.port,
            asked=question.asked.hex(),
            answered=question.answered,
            within_s=within_s,
        )
        return Sighting(
            outcome=cast("Outcome", met["outcome"]),
            took_s=met["took_s"],
            client_port=met["client_port"],
        )

    def watch(self) -> None:
        """Have it tell the namespace's sockets from now on, whenever they change."""
        self.ask_now("watch", on=True)

    def sockets(self) -> tuple[AppSocket, ...]:
        """The sockets as they were told last. Raises RuntimeUnavailable if the agent is gone."""
        if self._why_gone or self._why_blind or self._table is None:
            why = self._why_gone or self._why_blind or "watching was not requested"
            raise RuntimeUnavailable(f"the agent {self._name} cannot list sockets: {why}")
        return self._table

    # --- packet rules: what `chaoslab.proxies.filtered.PacketFilter` asks for ---

    async def guard(self, port: int) -> None:
        """Count at the port from now on."""
        await self.request("guard", port=port)

    async def drop(self, port: int) -> None:
        """Drop everything at the port, in both directions."""
        await self.request("drop", port=port)

    async def let_pass(self, port: int) -> None:
        """Let it pass again."""
        await self.request("pass", port=port)

    async def counters(self, port: int) -> Counters:
        """What was counted at the port."""
        told = await self.request("counters", port=port)
        return Counters(**{name: told[name] for name in Counters.__slots__})

    async def unguard(self, port: int) -> None:
        """Remove the port's rules."""
        await self.request("unguard", port=port)

    def close(self) -> None:
        """Let go of the stream; the agent ends of that."""
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
                raise type(self._gone)(str(self._gone))
            self._waiting[number] = answer
            try:
                self._socket.sendall(line)
            except OSError as error:
                del self._waiting[number]
                raise RuntimeUnavailable(f"the agent {self._name} has ended: {error}") from None
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

    def _take(self, said: dict[str, Any]) -> None:
        if "watch_failed" in said:
            self._why_blind = str(said["watch_failed"])
        elif "sockets" in said:
            self._table = tuple(
                AppSocket(state=state, local_port=local, remote_port=remote)
                for state, local, remote in said["sockets"]
            )
        elif (answer := self._waiting.pop(said.get("id", 0), None)) is not None:
            with contextlib.suppress(Exception):  # whoever asked has given up meanwhile
                answer.set_result(said)

    def _end(self, why: str) -> None:
        why, gone = self._because(why)
        with self._sending:
            self._why_gone, self._gone = why, gone
            for answer in self._waiting.values():
                with contextlib.suppress(Exception):  # whoever asked has given up meanwhile
                    answer.set_exception(gone)
            self._waiting.clear()

    def _because(self, why: str) -> tuple[str, RuntimeUnavailable]:
        """What became of the agent, by the engine's own word where it can still be asked."""
        if not self._closing:
            try:
                with told(f"the agent {self._name}"):
                    inspect = self._container.client.api.inspect_container
                    state = inspect(self._container.id)["State"]
                why = why if state["Running"] else how_it_ended(state)
            except EngineGone as error:
                return why, error
            except ChaoslabError as error:  # somebody removed it, say
                why = str(error).partition("\n")[0]
        return why, RuntimeUnavailable(f"the agent {self._name} has ended: {why}")

    def _last_words(self) -> str:
        with told(f"the agent {self._name}"):
            lines = self._container.logs(tail=8).decode(errors="replace").splitlines()
        return "\n".join(f"  | {line}" for line in lines) or "  | (nothing)"


def _answered(do: str, said: dict[str, Any]) -> dict[str, Any]:
    if "error" in said:
        raise InjectionFailed(f"the agent could not '{do}': {said['error']}")
    return cast("dict[str, Any]", said["ok"])

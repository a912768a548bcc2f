"""A real server in a container: started once per session, lent to one lab after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaoslab.clock import now_s
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Service
from chaoslab.runtimes.containers.agents import Agent
from chaoslab.runtimes.containers.engine import HOST, in_thread
from chaoslab.runtimes.containers.parts import ContainerPart
from chaoslab.runtimes.containers.problems import exited, failed_inside, told, unanswered
from chaoslab.services import question_of
from chaoslab.services.base import ContainerAccess, ContainerServer

if TYPE_CHECKING:
    from docker.models.containers import Container

START_LIMIT_S = 60.0
STOP_GRACE_S = 10
_LOG_LINES = 12
_POLL_S = 0.01
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A server's container; `published` is its port on the lab's loopback, for its whole life,
    `upstream` how the proxy server reaches it.
    """

    name: str
    server: ContainerServer
    container: Container
    published: int
    upstream: Endpoint

    async def until_it_answers(self) -> None:
        """Return once it answers its protocol. Raises ServiceFailed if it exits, or never does."""
        end_s, look_s = now_s() + START_LIMIT_S, now_s() + _LOOK_EVERY_S
        while not await self.server.answers(self.published):
            if now_s() > look_s:
                await in_thread(self._check)
                look_s = now_s() + _LOOK_EVERY_S
            if now_s() > end_s:
                raise unanswered(
                    self.name,
                    inside=self.server.port,
                    published=str(Endpoint(host=HOST, port=self.published)),
                    within_s=START_LIMIT_S,
                    log=await in_thread(self._log),
                )
            await asyncio.sleep(_POLL_S)

    @property
    def access(self) -> ContainerAccess:
        """How the server is reached from this machine."""
        return ContainerAccess(port=self.published, run=self.run)

    def run(self, command: Sequence[str]) -> str:
        """Run a command in the container; returns its output. Blocks.

        Raises ServiceFailed, with its last lines, if it fails.
        """
        with told(f"container {self.name}"):
            status, output = self.container.exec_run(list(command))
        text: str = output.decode(errors="replace")
        if status != 0:
            raise failed_inside(self.name, command, status=status, output=text.splitlines())
        return text

    def stop(self) -> None:
        """Orderly shutdown by the engine, with the image's own stop signal. Blocks."""
        self.container.stop(timeout=STOP_GRACE_S)

    def kill(self) -> None:
        """SIGKILL by the engine. Blocks."""
        self.container.kill()

    def start(self) -> None:
        """Start it again; nothing happens where it runs. Blocks."""
        self.container.start()

    def _check(self) -> None:
        with told(f"container {self.name}"):
            self.container.reload()
        state = self.container.attrs["State"]
        if state["Status"] in ("exited", "dead"):
            raise exited(
                self.name,
                exit_code=state["ExitCode"],
                log=self._log(),
                out_of_memory=bool(state.get("OOMKilled")),
            )

    def _log(self) -> list[str]:
        with told(f"container {self.name}"):
            said: bytes = self.container.logs(tail=_LOG_LINES)
        return said.decode(errors="replace").splitlines()


class ContainerService:
    """Implements `RunningService` for one lab; one caller at a time, the others wait."""

    def __init__(
        self, *, service: Service, box: Box, lab: str, version: str, gateway: Agent
    ) -> None:
        self._service, self._box, self._lab = service, box, lab
        self._gateway = gateway
        self._turn = asyncio.Lock()
        self._should_run = False
        self.version = version

    @property
    def service(self) -> Service:
        """What the topology says of it."""
        return self._service

    @property
    def container(self) -> Container:
        """The engine's own; its address may belong to another, whose network it has joined."""
        return self._box.container

    @property
    def part(self) -> ContainerPart:
        """It under watch, while the lab itself neither stops, starts nor freezes it."""
        return ContainerPart(
            name=self._service.name,
            container=self.container,
            should_run=lambda: self._should_run and not self._turn.locked(),
        )

    @property
    def endpoint(self) -> Endpoint:
        """Its port on loopback, published for the lab alone."""
        return Endpoint(host=HOST, port=self._box.published)

    @property
    def upstream(self) -> Endpoint:
        """Its name on the network that only the proxy server shares with it."""
        return self._box.upstream

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of this lab's database, as seen through `endpoint`."""
        return self._box.server.url(endpoint, self._lab)

    async def ask(self, *, within_s: float) -> Sighting:
        """Asked from where the proxy server stands: a published port would accept for a server
        that is gone.
        """
        return await self._gateway.canary(
            self._box.upstream, question_of(self._service), within_s=within_s
        )

    async def stop(self) -> None:
        """Orderly shutdown by the engine, with the image's own stop signal."""
        self._should_run = False
        await self._do(self._box.stop, thawed=True)

    async def kill(self) -> None:
        """SIGKILL by the engine."""
        self._should_run = False
        await self._do(self._box.kill, thawed=True, only="running")

    async def start(self) -> None:
        """Start it again, or let it go on; the same address, the same data."""
        await self._do(self._box.start, thawed=True)
        await self._box.until_it_answers()
        self._should_run = True

    async def pause(self) -> None:
        """Freeze all of its processes by the engine."""
        self._should_run = False
        await self._do(self._box.container.pause, only="running")

    async def resume(self) -> None:
        """Undo `pause`."""
        await self._do(lambda: None, thawed=True)
        self._should_run = True

    async def _do(
        self, work: Callable[[], object], *, thawed: bool = False, only: str = ""
    ) -> None:
        async with self._turn:
            await in_thread(lambda: self._done(work, thawed=thawed, only=only))

    def _done(self, work: Callable[[], object], *, thawed: bool, only: str) -> None:
        container = self._box.container
        with told(f"container {self._box.name}"):
            container.reload()
            if thawed and container.status == "paused":
                container.unpause()
                container.reload()
            if only in ("", container.status):
                work()

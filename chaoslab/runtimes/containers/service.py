"""A real server in a container: started once per session; one lab after the other uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chaoslab.clock import now_s
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Service
from chaoslab.runtimes.containers.agents import ContainerAgent
from chaoslab.runtimes.containers.engine import HOST, in_thread, last_log_lines
from chaoslab.runtimes.containers.parts import ContainerPart, state_of
from chaoslab.runtimes.containers.problems import engine_errors, failed_inside, unanswered
from chaoslab.runtimes.parts import START_LIMIT_S
from chaoslab.services import question_of
from chaoslab.services.base import ContainerAccess, ContainerServer

if TYPE_CHECKING:
    from docker.models.containers import Container

STOP_GRACE_S = 10
_LOG_LINES = 12
_POLL_S = 0.01
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContainer:
    """The container of a service's server.

    `published` is the server's port on the lab's loopback, which never changes; `upstream` is the
    server's address for the proxy server.
    """

    name: str
    server: ContainerServer
    container: Container
    published: int
    upstream: Endpoint

    async def until_it_answers(self) -> None:
        """Wait until the server answers its protocol.

        Raises ServiceFailed if its container ends, or if it does not answer within START_LIMIT_S.
        """
        end_s, look_s = now_s() + START_LIMIT_S, now_s() + _LOOK_EVERY_S
        while not await self.server.answers(self.published):
            if now_s() > look_s:
                await in_thread(partial(state_of, self.name, self.container))
                look_s = now_s() + _LOOK_EVERY_S
            if now_s() > end_s:
                raise unanswered(
                    self.name,
                    inside=self.server.port,
                    published=str(Endpoint(host=HOST, port=self.published)),
                    within_s=START_LIMIT_S,
                    log=await in_thread(partial(last_log_lines, self.container, _LOG_LINES)),
                )
            await asyncio.sleep(_POLL_S)

    @property
    def access(self) -> ContainerAccess:
        """The means by which the lab reaches the server from this machine: its port, and `run`."""
        return ContainerAccess(port=self.published, run=self.run)

    def run(self, command: Sequence[str]) -> str:
        """Run a command in the server's container; returns its output. Blocks.

        Raises ServiceFailed, with the command's last lines, if the command fails.
        """
        with engine_errors(f"container {self.name}"):
            status, output = self.container.exec_run(list(command))
        text: str = output.decode(errors="replace")
        if status != 0:
            raise failed_inside(self.name, command, status=status, output=text.splitlines())
        return text

    def stop(self) -> None:
        """Stop the server's container with the stop signal of its image. Blocks."""
        self.container.stop(timeout=STOP_GRACE_S)

    def kill(self) -> None:
        """Kill the server's container with SIGKILL. Blocks."""
        self.container.kill()

    def start(self) -> None:
        """Start the server's container again; nothing happens if it runs. Blocks."""
        self.container.start()


class ContainerService:
    """Implements `RunningService` for one lab. One call runs at a time; the others wait."""

    def __init__(
        self,
        *,
        service: Service,
        server: ServerContainer,
        lab: str,
        version: str,
        gateway: ContainerAgent,
    ) -> None:
        self._service, self._server, self._lab = service, server, lab
        self._gateway = gateway
        self._turn = asyncio.Lock()
        self._should_run = False
        self.version = version

    @property
    def service(self) -> Service:
        """The service's declaration in the topology."""
        return self._service

    @property
    def container(self) -> Container:
        """The server's container. Another container may own its network namespace."""
        return self._server.container

    @property
    def part(self) -> ContainerPart:
        """This server as a part that the lab checks; no check is made while the lab stops or
        freezes it.
        """
        return ContainerPart(
            name=self._service.name,
            container=self.container,
            should_run=lambda: self._should_run and not self._turn.locked(),
        )

    @property
    def endpoint(self) -> Endpoint:
        """The server's published port on loopback, which only the lab uses."""
        return Endpoint(host=HOST, port=self._server.published)

    @property
    def upstream(self) -> Endpoint:
        """The server's name on the network that it shares only with the proxy server."""
        return self._server.upstream

    def url(self, endpoint: Endpoint) -> str:
        """The connection URL of this lab's database through `endpoint`."""
        return self._server.server.url(endpoint, self._lab)

    async def ask(self, *, within_s: float) -> Sighting:
        """Send a canary to the server from the proxy server's network namespace. Returns what the
        canary observed.

        From this machine, a published port would accept a connect even if the server is down.
        """
        return await self._gateway.canary(
            self._server.upstream, question_of(self._service), within_s=within_s
        )

    async def stop(self) -> None:
        """Stop the server with the stop signal of its image."""
        self._should_run = False
        await self._do(self._server.stop, thawed=True)

    async def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self._should_run = False
        await self._do(self._server.kill, thawed=True, only="running")

    async def start(self) -> None:
        """Start or unfreeze the server, and wait until it answers. The server keeps its address and
        its data.
        """
        await self._do(self._server.start, thawed=True)
        await self._server.until_it_answers()
        self._should_run = True

    async def pause(self) -> None:
        """Make the engine freeze all processes of the server."""
        self._should_run = False
        await self._do(self._server.container.pause, only="running")

    async def resume(self) -> None:
        """Undo `pause`: unfreeze the server."""
        await self._do(lambda: None, thawed=True)
        self._should_run = True

    async def _do(
        self, work: Callable[[], object], *, thawed: bool = False, only: str = ""
    ) -> None:
        async with self._turn:
            await in_thread(lambda: self._done(work, thawed=thawed, only=only))

    def _done(self, work: Callable[[], object], *, thawed: bool, only: str) -> None:
        container = self._server.container
        with engine_errors(f"container {self._server.name}"):
            container.reload()
            if thawed and container.status == "paused":
                container.unpause()
                container.reload()
            if only in ("", container.status):
                work()

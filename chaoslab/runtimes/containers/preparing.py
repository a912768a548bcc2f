"""Runs the `prepare` commands of a lab in containers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chaoslab.machine.endpoint import Endpoint
from chaoslab.runtimes.base import AppStart, RunningApp, RunningService


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPreparer:
    """Implements `Preparer`: a command runs in a container of its app's image, in the network of
    the proxy server, from where the servers can be reached.

    The data of servers in containers is not kept, so the commands run in each lab.
    """

    spawned: Callable[[AppStart], Awaitable[RunningApp]]
    restored: bool = False

    def address(self, service: RunningService) -> Endpoint:
        """The server's address for the proxy server."""
        return service.upstream

    async def spawn(self, start: AppStart) -> RunningApp:
        """Start a container that runs the command."""
        return await self.spawned(start)

    async def keep(self) -> None:
        """Do nothing."""

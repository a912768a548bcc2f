"""Runs the `prepare` commands of a lab whose parts are processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chaoslab.machine.endpoint import Endpoint
from chaoslab.runtimes.base import AppStart, RunningApp, RunningService
from chaoslab.runtimes.local.kept_data import KeptData
from chaoslab.runtimes.local.service import LocalService


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPreparer:
    """Implements `Preparer`: the commands run on the machine's own loopback, as the servers do.

    `kept` is the data that the session's labs share, None if they share none.
    """

    boot: Callable[[AppStart], RunningApp]
    services: Sequence[LocalService]
    kept: KeptData | None
    restored: bool

    def address(self, service: RunningService) -> Endpoint:
        """The server's own address."""
        return service.endpoint

    async def spawn(self, start: AppStart) -> RunningApp:
        """Start the command as a process of this machine, also if its app has a network of its
        own.
        """
        return self.boot(start)

    async def keep(self) -> None:
        """Keep the data of the services for the later labs of the session."""
        if self.kept is not None:
            await self.kept.keep(self.services)

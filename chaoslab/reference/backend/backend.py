"""The backend's parts. Each start-up phase makes some of them; until then they are None."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from chaoslab.reference.backend.backoff import Backoff
from chaoslab.reference.backend.cache import Cache
from chaoslab.reference.backend.chat import Bridge, ModelFactory, Supervisor
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.dependency import Dependency, Status
from chaoslab.reference.backend.keys import KeyManager
from chaoslab.reference.backend.metrics import Metrics
from chaoslab.reference.backend.migrations import Schema
from chaoslab.reference.backend.monitor import connect_with_retries
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.record import StartupRecord
from chaoslab.reference.backend.resilience import Resilience
from chaoslab.reference.backend.settings import Settings
from chaoslab.reference.backend.threads import ThreadService

T = TypeVar("T")


class NotStarted(Exception):
    """A part is needed that start-up has not made yet; the text names it."""


def need(part: T | None, name: str) -> T:
    """The part itself. Raises NotStarted if it is None, because start-up has not made it yet."""
    if part is None:
        raise NotStarted(f"{name} does not exist yet: its start-up phase has not run")
    return part


class Backend:
    """One running backend.

    Phases of start-up set its parts; requests and health checks use them.
    """

    def __init__(self, settings: Settings, *, parts: Parts, record: StartupRecord) -> None:
        self.settings, self.parts, self.record = settings, parts, record
        self.metrics = Metrics()
        # Read from the record, so that it says what /health says, whichever sequence runs.
        self.metrics.startup_complete.set_function(lambda: float(record.complete))
        self.schema: Schema | None = None  # INIT
        self.keys: KeyManager | None = None  # DEPENDENCIES
        self.models: ModelFactory | None = None
        self.resilience: Resilience | None = None
        self.database: Database | None = None  # DATABASE
        self.cache: Cache | None = None  # CACHE
        self.threads: ThreadService | None = None  # SERVICES
        self.supervisor: Supervisor | None = None
        self.bridge: Bridge | None = None  # WEBSOCKET
        self.accepting = False  # FINALIZE
        self.stopping = False
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._statuses: list[Status] = []

    async def connect(
        self,
        dependency: Dependency,
        *,
        limit_s: float,
        reserve_s: float,
        attempt_s: float,
        check_every_s: float,
        backoff: Backoff,
    ) -> None:
        """Connect to a dependency within `limit_s`, and leave `reserve_s` of the start-up to later
        phases.

        Raises DependencyUnavailable if there is no connection in time. The dependency is watched in
        either case: after a bypass, its monitor reconnects.
        """
        limits = self.settings.limits
        left_s = limits.init_s - self.record.lasted_s - reserve_s
        try:
            await connect_with_retries(
                dependency,
                limit_s=min(limit_s, left_s),
                abandon_s=left_s,
                attempt_s=attempt_s,
                tries=limits.retry_tries,
                backoff=backoff,
            )
        finally:
            self._watch(dependency, every_s=check_every_s, backoff=backoff)

    def _watch(self, dependency: Dependency, *, every_s: float, backoff: Backoff) -> None:
        """Start a task that checks a dependency each `every_s` seconds from now on, and reconnects
        it whenever it is lost.
        """
        monitor = self.parts.monitor(dependency, every_s=every_s, backoff=backoff)
        name = dependency.status.name
        for other in self._statuses:
            other.peers.append(dependency.status)
            dependency.status.peers.append(other)
        self._statuses.append(dependency.status)
        self._watchers[name] = asyncio.create_task(monitor.run(), name=f"watch {name}")

    @property
    def watched(self) -> frozenset[str]:
        """The names of the dependencies whose monitor runs now."""
        return frozenset(name for name, task in self._watchers.items() if not task.done())

    def abort(self) -> None:
        """Accept no more requests, and answer those that wait for the database with an error."""
        self.accepting, self.stopping = False, True
        if self.database is not None:
            self.database.abort()

    async def stop(self) -> None:
        """Stop all work and close all connections, whether the dependencies answer or not."""
        self.accepting, self.stopping = False, True
        for task in self._watchers.values():
            task.cancel()
        if self._watchers:
            await asyncio.wait(self._watchers.values(), timeout=0.1)
        if self.database is not None:
            await self.database.close()
        if self.cache is not None:
            await self.cache.close()

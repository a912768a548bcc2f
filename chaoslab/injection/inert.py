"""Replaces a running service in the self-test: every act on it returns as if done, and does
nothing.
"""

from __future__ import annotations

from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Service
from chaoslab.runtimes.base import RunningService


class InertService:
    """A running service on which `stop`, `kill`, `start`, `pause` and `resume` do nothing."""

    def __init__(self, real: RunningService) -> None:
        self._real = real

    @property
    def service(self) -> Service:
        return self._real.service

    @property
    def endpoint(self) -> Endpoint:
        return self._real.endpoint

    @property
    def upstream(self) -> Endpoint:
        return self._real.upstream

    @property
    def version(self) -> str:
        return self._real.version

    def url(self, endpoint: Endpoint) -> str:
        return self._real.url(endpoint)

    async def ask(self, *, within_s: float) -> Sighting:
        return await self._real.ask(within_s=within_s)

    async def stop(self) -> None:
        """Do nothing, and return as if the service had been stopped (or killed, started, …)."""

    kill = start = pause = resume = stop

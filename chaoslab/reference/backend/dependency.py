"""The shape of a dependency (Postgres, Redis), its status, and its error."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from chaoslab.reference.backend.metrics import Metrics


class DependencyUnavailable(Exception):
    """A dependency cannot be used now. The text has its name, its address and the cause."""

    def __init__(
        self, dependency: str, address: str, cause: str, *, retry_after_s: float = 1.0
    ) -> None:
        self.dependency = dependency
        self.cause = cause
        self.retry_after_s = retry_after_s
        super().__init__(f"{dependency} unreachable at {address}: {cause}")


class Dependency(Protocol):
    """The methods of a dependency that start-up and the monitor call."""

    status: Status

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect within `timeout_s` seconds, and set the status. Raises DependencyUnavailable if
        that fails.
        """

    def unavailable(self, cause: str) -> DependencyUnavailable:
        """A DependencyUnavailable with the dependency's name and address, and the given cause."""

    async def check(self) -> None:
        """Check whether the dependency answers, and set the status to up or down. Never raises."""


class Status:
    """Whether a dependency is up, and its last error; read by health answers and metrics."""

    def __init__(self, name: str, metrics: Metrics) -> None:
        self.name = name
        self.up = False
        self.error: str | None = "not connected yet"
        self.changed = asyncio.Event()  # wakes the monitor
        self.peers: list[Status] = []  # dependencies in the same network
        self._metrics = metrics
        self._log = logging.getLogger(f"backend.{name}")
        metrics.dependency_up.labels(name).set(0)

    def is_up(self) -> None:
        """Set the status to up; if it was down, wake the monitor of this dependency and of its
        peers.
        """
        if not self.up:
            self._log.info("%s is up", self.name)
            self.up, self.error = True, None
            self._metrics.dependency_up.labels(self.name).set(1)
            self.changed.set()
            # The same path probably works for the peers too: their monitors check now.
            for peer in self.peers:
                peer.changed.set()

    def is_down(self, error: str) -> None:
        """Set the status to down with the given error; wake the monitor if the status was up."""
        self.error = error
        if self.up:
            self._log.warning("%s is down: %s", self.name, error)
            self.up = False
            self._metrics.dependency_up.labels(self.name).set(0)
            self.changed.set()

    def as_json(self) -> dict[str, str | None]:
        """The status as `{"status": "up" | "down", "error": str | null}`."""
        return {"status": "up" if self.up else "down", "error": self.error}


def reason(error: BaseException) -> str:
    """The first line of the error's text, or its type if it has no text.

    The address, which libpq puts before the cause, is removed, since callers add it themselves.
    """
    lines = str(error).strip().splitlines()
    return lines[0].rsplit(" failed: ", 1)[-1] if lines else type(error).__name__

"""What the outside dependencies have in common: a status that others read, and an error."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from chaoslab.reference.backend.metrics import Metrics


class DependencyUnavailable(Exception):
    """A dependency cannot be used now. `str()` names it, its address and the cause."""

    def __init__(
        self, dependency: str, address: str, cause: str, *, retry_after_s: float = 1.0
    ) -> None:
        self.dependency = dependency
        self.cause = cause
        self.retry_after_s = retry_after_s
        super().__init__(f"{dependency} unreachable at {address}: {cause}")


class Dependency(Protocol):
    """What start-up and monitor need of a dependency."""

    status: Status

    async def connect(self, timeout_s: float | None = None) -> None:
        """Reach it anew within the time-out; raises DependencyUnavailable."""

    def unavailable(self, cause: str) -> DependencyUnavailable:
        """The error that names it, its address and the cause."""

    async def check(self) -> None:
        """Look whether it still answers, and set the status accordingly; never raises."""


class Status:
    """Up or down with the last error, kept for health answers, metrics and waiters."""

    def __init__(self, name: str, metrics: Metrics) -> None:
        self.name = name
        self.up = False
        self.error: str | None = "not connected yet"
        self.changed = asyncio.Event()  # wakes the monitor
        self.peers: list[Status] = []  # what is reached over the same network
        self._metrics = metrics
        self._log = logging.getLogger(f"backend.{name}")
        metrics.dependency_up.labels(name).set(0)

    def is_up(self) -> None:
        """It was reached; wakes the monitor where this is news."""
        if not self.up:
            self._log.info("%s is up", self.name)
            self.up, self.error = True, None
            self._metrics.dependency_up.labels(self.name).set(1)
            self.changed.set()
            # The path that brought this one back is likely theirs too: they look now.
            for peer in self.peers:
                peer.changed.set()

    def is_down(self, error: str) -> None:
        """It was lost; wakes the monitor where this is news. The newest error is kept."""
        self.error = error
        if self.up:
            self._log.warning("%s is down: %s", self.name, error)
            self.up = False
            self._metrics.dependency_up.labels(self.name).set(0)
            self.changed.set()

    def as_json(self) -> dict[str, str | None]:
        """`{"status": "up" | "down", "error": str | null}`."""
        return {"status": "up" if self.up else "down", "error": self.error}


def reason(error: BaseException) -> str:
    """One line that says why: the error's first line, or its type where it says nothing.

    libpq repeats the address before the cause; callers name it themselves.
    """
    lines = str(error).strip().splitlines()
    return lines[0].rsplit(" failed: ", 1)[-1] if lines else type(error).__name__

"""The record of a start-up: which phases ran, for how long, and how each ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

Mode = Literal["normal", "emergency_degraded"]


class StartupRecord:
    """The progress of start-up. A phase ends exactly once: completed, completed degraded or failed.

    A bypassed phase counts as completed (and is also in `degraded`), never as failed. Start-up is
    complete once every phase has completed.
    """

    def __init__(self, phases: Sequence[str]) -> None:
        self.phases = tuple(phases)
        self.start_time = time.time()
        self._began = time.monotonic()
        self._phase_began = self._began
        self.phase: str | None = None
        self.timings_s: dict[str, float] = {}
        self.completed: list[str] = []
        self.failed: list[str] = []
        self.degraded: list[str] = []
        self.bypassed: set[str] = set()
        self.error: str | None = None
        self.failed_dependency: str | None = None
        self.complete = False

    @property
    def in_progress(self) -> bool:
        """Whether start-up is neither complete nor failed."""
        return not self.complete and self.error is None

    @property
    def mode(self) -> Mode:
        """`emergency_degraded` if the backend started without a dependency, else `normal`.

        The mode does not change later, even if the dependency is up again.
        """
        return "emergency_degraded" if self.bypassed else "normal"

    @property
    def lasted_s(self) -> float:
        """Seconds since start-up began."""
        return time.monotonic() - self._began

    def begin(self, phase: str) -> None:
        """Record that the phase starts now."""
        self.phase, self._phase_began = phase, time.monotonic()

    def end(self, phase: str) -> None:
        """Record that the phase has completed."""
        self._time(phase)
        self.completed.append(phase)

    def bypass(self, phase: str, dependency: str) -> None:
        """Record that the phase has completed degraded, without the dependency."""
        self.end(phase)
        self.degraded.append(phase)
        self.bypassed.add(dependency)

    def fail(self, phase: str, error: str, dependency: str | None = None) -> None:
        """Record that the phase failed with `error`, and so did the whole start-up."""
        self._time(phase)
        self.failed.append(phase)
        self.error, self.failed_dependency = error, dependency

    def finish(self) -> None:
        """Record that start-up is complete. Raises ValueError if phases did not complete."""
        missing = [phase for phase in self.phases if phase not in self.completed]
        if missing:
            raise ValueError(f"start-up is not complete: {', '.join(missing)} did not complete")
        self.complete, self.phase = True, None

    def _time(self, phase: str) -> None:
        self.timings_s[phase] = time.monotonic() - self._phase_began

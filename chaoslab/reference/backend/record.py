"""The books of a start-up: which phase ran, for how long, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

Mode = Literal["normal", "emergency_degraded"]


class StartupRecord:
    """What start-up publishes. A phase ends exactly once: completed, completed degraded, or failed.

    A bypassed phase counts as completed (and stands in `degraded` too), never as failed:
    start-up is complete when every phase has completed.
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
        """Neither complete nor failed."""
        return not self.complete and self.error is None

    @property
    def mode(self) -> Mode:
        """How it started; stays so until the next start, also when the dependency has returned."""
        return "emergency_degraded" if self.bypassed else "normal"

    @property
    def lasted_s(self) -> float:
        """Seconds since start-up began."""
        return time.monotonic() - self._began

    def begin(self, phase: str) -> None:
        """The phase starts now."""
        self.phase, self._phase_began = phase, time.monotonic()

    def end(self, phase: str) -> None:
        """The phase did its work."""
        self._time(phase)
        self.completed.append(phase)

    def bypass(self, phase: str, dependency: str) -> None:
        """The phase ended without its dependency, and the bypass lets start-up go on."""
        self.end(phase)
        self.degraded.append(phase)
        self.bypassed.add(dependency)

    def fail(self, phase: str, error: str, dependency: str | None = None) -> None:
        """The phase failed, and start-up with it."""
        self._time(phase)
        self.failed.append(phase)
        self.error, self.failed_dependency = error, dependency

    def finish(self) -> None:
        """All phases are done. Raises ValueError naming those that are not."""
        missing = [phase for phase in self.phases if phase not in self.completed]
        if missing:
            raise ValueError(f"start-up is not complete: {', '.join(missing)} did not complete")
        self.complete, self.phase = True, None

    def _time(self, phase: str) -> None:
        self.timings_s[phase] = time.monotonic() - self._phase_began

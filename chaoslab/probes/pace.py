"""Tells whether the lab is waiting for an answer of an app; the probes then send their requests
more often.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from chaoslab.history.events import (
    AnyEvent,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    HealthTurned,
    LossNamed,
    Spawned,
    StartupComplete,
)
from chaoslab.history.journal import Journal
from chaoslab.history.moments import find
from chaoslab.model.expectation import Seen
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.when import OF_FAULTS, AtMoment

STEADY_S = 1.0  # after a change of health, to observe whether the new state lasts
_BY_ANSWERS = frozenset(
    {"first_answer", "startup_complete", "ready", "degraded", "healthy", "lost", "affected"}
)


class Pace:
    """Reads a run's journal and tells whether the lab waits for an answer of one boot now.

    The lab waits for an answer until its bound has passed: during the start-up, for the end of the
    start-up; while a fault is in force, for `degraded` with the lost dependencies that `Degrades`
    names; after a heal, for `healthy`. The lab also waits for an answer while the plan waits for a
    moment that depends on answers, and for `STEADY_S` after each change of health.
    """

    def __init__(self, plan: Plan, app: App, boot: int, journal: Journal) -> None:
        self._plan, self._app, self._boot, self._journal = plan, app, boot, journal
        self._read = 0
        self._state: HealthState | None = None
        self._lost: tuple[str, ...] = ()
        self._turned_s = self._spawned_s = self._healed_s = -math.inf
        self._complete_s: float | None = None
        self._in_force_s: dict[str, float] = {}
        self._begun: set[str] = set()

    def awaits(self) -> bool:
        """Whether the lab waits for an answer of this boot now."""
        for event in (new := self._journal.events_from(self._read)):
            self._note(event)
        self._read += len(new)
        now_s = self._journal.now()
        return (
            now_s < self._turned_s + STEADY_S
            or self._deadline_awaits(now_s)
            or self._expectation_awaits(now_s)
            or self._trigger_awaits(now_s)
        )

    def _note(self, event: AnyEvent) -> None:
        if isinstance(event, FaultRequested | FaultInForce | FaultMissed | FaultHealing):
            self._note_fault(event)
        elif isinstance(event, FaultHealed):
            self._healed_s = event.at_s
        elif isinstance(event, Spawned | StartupComplete | HealthTurned | LossNamed) and (
            (event.app, event.boot) == (self._app.name, self._boot)
        ):
            self._note_own(event)

    def _note_fault(
        self, event: FaultRequested | FaultInForce | FaultMissed | FaultHealing
    ) -> None:
        if isinstance(event, FaultRequested) and event.armed:
            return
        self._begun.add(event.fault)
        if isinstance(event, FaultRequested | FaultInForce):
            self._in_force_s[event.fault] = event.at_s
        else:
            self._in_force_s.pop(event.fault, None)

    def _note_own(self, event: Spawned | StartupComplete | HealthTurned | LossNamed) -> None:
        match event:
            case Spawned():
                self._spawned_s = event.at_s
                return
            case StartupComplete():
                self._complete_s = event.at_s
            case HealthTurned():
                self._state = event.state
            case LossNamed():
                self._lost = event.lost
        self._turned_s = event.at_s

    def _expectation_awaits(self, now_s: float) -> bool:
        """Whether an expectation of the plan for this app waits for an answer now."""
        seen = Seen(
            now_s=now_s,
            starting=now_s < self._spawned_s + self._app.deadlines.startup_s,
            spawned_s=self._spawned_s,
            complete_s=self._complete_s,
            healed_s=self._healed_s,
            in_force_s=self._in_force_s,
            state=self._state,
            lost=self._lost,
        )
        return any(e.awaits(seen) for e in self._plan.expect if e.app == self._app.name)

    def _deadline_awaits(self, now_s: float) -> bool:
        """Whether the time of a deadline of the app is running: it has not passed, and the app has
        not given the answer that must come by then. The plan's expectations have no effect. The
        deadlines are those for the start-up, the recovery and the degraded state.
        """
        limits = self._app.deadlines
        if self._complete_s is None and now_s < self._spawned_s + limits.startup_s:
            return True
        if self._state is not HealthState.HEALTHY and now_s < self._healed_s + limits.recovery_s:
            return True
        begun_s = max(self._in_force_s.values(), default=None)
        if begun_s is None or self._complete_s is None or self._state is HealthState.DEGRADED:
            return False
        return now_s < max(begun_s, self._complete_s) + limits.degraded_s

    def _trigger_awaits(self, now_s: float) -> bool:
        """Whether a trigger that the plan waits for now depends on answers of the app."""
        events = self._journal.events_from(0)
        return any(
            when.moment in _BY_ANSWERS
            and (when.moment in OF_FAULTS or when.of in ("", self._app.name))
            and find(when, events) is None
            for when in self._open_triggers(now_s)
        )

    def _open_triggers(self, now_s: float) -> Iterator[AtMoment]:
        """Yield the triggers that the plan waits for now. A fault's stop counts from the fault's
        request on, or from its start if it is armed.
        """
        for fault in self._plan.faults:
            if isinstance(fault.start, AtMoment) and fault.label not in self._begun:
                yield fault.start
            if fault.stop is not None and fault.label in self._in_force_s:
                yield fault.stop
        loads = (when for load in self._plan.load for when in (load.start, load.stop))
        quiet = (self._plan.sampling.quiet_from, self._plan.sampling.quiet_until)
        steps = (step.at for step in self._plan.steps)
        for when in (*(boot.at for boot in self._plan.boots), *loads, *quiet, *steps):
            if when is not None and now_s < self._spawned_s + (when.within_s or 0.0):
                yield when

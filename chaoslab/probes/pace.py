"""When something is awaited of a boot, so that it is asked often, and when it is left alone."""

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
from chaoslab.model.expect import Degrades, Expectation, FailsFast, Recovers, Starts, StaysAvailable
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.when import AtMoment

STEADY_S = 1.0  # after a turn of health: that what turned stays so
_BY_ANSWERS = frozenset(
    {"first_answer", "startup_complete", "ready", "degraded", "healthy", "lost"}
)


class Pace:
    """Follows a run's journal, and tells at any time whether an answer of one boot is awaited.

    Awaited are its start-up, up to the bound; a health that says degraded, and names what
    `Degrades` asks for, from a fault on, up to its bound; a health that says healthy, from a heal
    on, up to its bound; a moment of the plan that rests on answers, while the plan waits for it;
    and, for 1 s after health turned, that it stays so.
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
        """Whether something is awaited now."""
        for event in (new := self._journal.events_from(self._read)):
            self._note(event)
        self._read += len(new)
        now_s = self._journal.now()
        return (
            now_s < self._turned_s + STEADY_S
            or self._starting(now_s)
            or self._degrading(now_s)
            or self._recovering(now_s)
            or self._a_moment(now_s)
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

    def _starting(self, now_s: float) -> bool:
        """Not complete, or not yet in the state to which it may settle."""
        bound_s = self._bound_s((Starts, FailsFast), self._app.deadlines.startup_s)
        settles = self._state is not HealthState.HEALTHY and any(
            map(self._is_to_be_healthy, self._plan.expect)
        )
        return (self._complete_s is None or settles) and now_s < self._spawned_s + bound_s

    def _is_to_be_healthy(self, e: Expectation) -> bool:
        normal = isinstance(e, Starts) and e.mode == "normal"
        return self._is_about(e) and (normal or (isinstance(e, StaysAvailable) and e.healthy))

    def _degrading(self, now_s: float) -> bool:
        begun_s = max(self._in_force_s.values(), default=None)
        if begun_s is None or self._complete_s is None:
            return False
        bound_s = self._bound_s((Degrades,), self._app.deadlines.degraded_s)
        asked = [e for e in self._plan.expect if isinstance(e, Degrades) and self._is_about(e)]
        named = all(set(e.naming) == set(self._lost) for e in asked if e.fault in self._in_force_s)
        told = self._state is HealthState.DEGRADED and named
        return not told and now_s < max(begun_s, self._complete_s) + bound_s

    def _recovering(self, now_s: float) -> bool:
        bound_s = self._bound_s((Recovers,), self._app.deadlines.recovery_s)
        return self._state is not HealthState.HEALTHY and now_s < self._healed_s + bound_s

    def _a_moment(self, now_s: float) -> bool:
        events = self._journal.events_from(0)
        return any(
            when.moment in _BY_ANSWERS
            and when.of in ("", self._app.name)
            and find(when, events) is None
            for when in self._waited_for(now_s)
        )

    def _waited_for(self, now_s: float) -> Iterator[AtMoment]:
        """The triggers of the plan whose time has come: a fault's stop from its begin on."""
        for fault in self._plan.faults:
            if isinstance(fault.start, AtMoment) and fault.label not in self._begun:
                yield fault.start
            if fault.stop is not None and fault.label in self._in_force_s:
                yield fault.stop
        loads = (when for load in self._plan.load for when in (load.start, load.stop))
        quiet = (self._plan.sampling.quiet_from, self._plan.sampling.quiet_until)
        for when in (*(boot.at for boot in self._plan.boots), *loads, *quiet):
            if when is not None and now_s < self._spawned_s + (when.within_s or 0.0):
                yield when

    def _is_about(self, e: Expectation) -> bool:
        return e.app == self._app.name

    def _bound_s(self, kinds: tuple[type[Expectation], ...], promised_s: float) -> float:
        mine = (e for e in self._plan.expect if isinstance(e, kinds) and self._is_about(e))
        return max([promised_s, *(getattr(e, "within_s", None) or 0.0 for e in mine)])

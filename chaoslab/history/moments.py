"""Moments of a history: the event that a plan's trigger speaks of. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FaultHealed,
    FaultInForce,
    FirstAnswer,
    HealthTurned,
    LossNamed,
    Ready,
    Spawned,
    StartupComplete,
    Write,
)
from chaoslab.spec.health import HealthState
from chaoslab.spec.when import AtMoment, Moment

_Test = Callable[[AnyEvent], bool]


def _turned(state: HealthState) -> _Test:
    return lambda e: isinstance(e, HealthTurned) and e.state is state


_IS: dict[Moment, _Test] = {
    "spawned": lambda e: isinstance(e, Spawned) and not e.restart,
    "bound": lambda e: isinstance(e, Bound),
    "first_answer": lambda e: isinstance(e, FirstAnswer),
    "startup_complete": lambda e: isinstance(e, StartupComplete),
    "ready": lambda e: isinstance(e, Ready),
    "degraded": _turned(HealthState.DEGRADED),
    "healthy": _turned(HealthState.HEALTHY),
    "lost": lambda e: isinstance(e, LossNamed),
    "exited": lambda e: isinstance(e, Exited),
    "in_force": lambda e: isinstance(e, FaultInForce),
    "healed": lambda e: isinstance(e, FaultHealed),
    "acknowledged": lambda e: isinstance(e, Write) and e.outcome == "ok" and e.purpose == "load",
}


def find(
    moment: AtMoment, events: Sequence[AnyEvent], since_s: float | None = None
) -> AnyEvent | None:
    """The nth event that is the moment, or None while it has not come.

    `since_s` is when the fault began that the moment is to end. What health said before that and
    had taken back by then is not meant: an app that says degraded until its first look is over has
    turned degraded before any fault. The next such turn is the moment then.
    """
    is_it, count = _IS[moment.moment], 0
    for at, event in enumerate(events):
        if is_it(event) and _is_meant(moment, event):
            count += 1
            over = since_s is not None and _taken_back(event, events[at + 1 :], since_s)
            if count >= moment.nth and not over:
                return event
    return None


def _taken_back(event: AnyEvent, later: Sequence[AnyEvent], by_s: float) -> bool:
    """Whether health of that app said something else before `by_s`, once it had said this."""
    if not isinstance(event, HealthTurned | LossNamed):
        return False
    turns = (e for e in later if isinstance(e, type(event)) and e.at_s < by_s)
    return any(e.app == event.app for e in turns)


def _is_meant(moment: AtMoment, event: AnyEvent) -> bool:
    if isinstance(event, LossNamed) and event.lost != moment.naming:
        return False
    return not moment.of or moment.of in (_subject(event, "fault"), _subject(event, "app"))


def _subject(event: AnyEvent, field: str) -> str:
    return str(getattr(event, field, ""))

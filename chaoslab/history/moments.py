"""Finds the event of a history that is the moment of a trigger. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FaultEffect,
    FaultHealed,
    FaultInForce,
    FirstAnswer,
    HealthTurned,
    LossNamed,
    Ready,
    Request,
    Spawned,
    StartupComplete,
    StepDone,
)
from chaoslab.model.health import HealthState
from chaoslab.model.requests import LOOKED_FOR
from chaoslab.model.when import AtMoment, Moment

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
    "affected": lambda e: isinstance(e, FaultEffect),
    "healed": lambda e: isinstance(e, FaultHealed),
    "acknowledged": lambda e: (
        isinstance(e, Request)
        and (e.outcome, e.purpose) == ("ok", "load")
        and e.of_kind in LOOKED_FOR
    ),
    "done": lambda e: isinstance(e, StepDone),
}


_WORDS: dict[Moment, str] = {
    "spawned": "a spawn",
    "bound": "a listening port",
    "first_answer": "a first answer",
    "startup_complete": "a completed start-up",
    "ready": "readiness",
    "degraded": "a change to degraded",
    "healthy": "a change to healthy",
    "lost": "a health report of lost services:",
    "exited": "an exit",
    "in_force": "a fault in force",
    "affected": "an effect of a fault on an app",
    "healed": "a healed fault",
    "acknowledged": "an acknowledged write",
    "done": "the end of a step",
}


def find(
    moment: AtMoment, events: Sequence[AnyEvent], since_s: float | None = None
) -> AnyEvent | None:
    """The nth event that is the moment. None if it has not occurred.

    If the moment is the stop of a fault, `since_s` is when that fault began. A change of health
    that was over before that time does not count, because an app may be degraded until it has
    checked its dependencies for the first time. Then the next such change is the moment.
    """
    number = 0
    for at, event in enumerate(events):
        if is_one(moment, event):
            number += 1
            over = since_s is not None and _changed_again(event, events, at + 1, since_s)
            if number >= moment.nth and not over:
                return event
    return None


def counts_from_s(event: AnyEvent, since_s: float | None = None) -> float:
    """The time from which the seconds after a moment count: that of its event. A step is over after
    the time that it took.

    If the moment is the stop of a fault, `since_s` is when that fault began. A change of health may
    be observed before the lab knows that the fault is in force; the seconds count from then.
    """
    if since_s is not None and isinstance(event, HealthTurned | LossNamed):
        return max(event.at_s, since_s)
    return event.at_s + event.took_s if isinstance(event, StepDone) else event.at_s


def count(moment: AtMoment, events: Sequence[AnyEvent]) -> int:
    """How many events are of the moment's kind."""
    return sum(is_one(moment, event) for event in events)


def is_one(moment: AtMoment, event: AnyEvent) -> bool:
    """Whether an event is of the moment's kind. `nth` is ignored."""
    return _IS[moment.moment](event) and _is_meant(moment, event)


def in_words(moment: AtMoment | str) -> str:
    """The moment in words, for a sentence. A text is returned as it is."""
    if isinstance(moment, str):
        return moment
    naming = f" {', '.join(moment.naming) or 'nothing'}" if moment.moment == "lost" else ""
    number = f", number {moment.nth}" if moment.nth > 1 else ""
    of = f", of {moment.of}" if moment.of else ""
    after = f", and {moment.after_s:g} s" if moment.after_s else ""
    return f"{_WORDS[moment.moment]}{naming}{number}{of}{after}"


def _changed_again(event: AnyEvent, events: Sequence[AnyEvent], then: int, by_s: float) -> bool:
    """Whether the health of the event's app changed again before `by_s`, in the events from index
    `then` on. False if the event is no change of health.
    """
    if not isinstance(event, HealthTurned | LossNamed):
        return False
    turns = (e for e in events[then:] if isinstance(e, type(event)) and e.at_s < by_s)
    return any(e.app == event.app for e in turns)


def _is_meant(moment: AtMoment, event: AnyEvent) -> bool:
    if isinstance(event, LossNamed) and event.lost != moment.naming:
        return False
    subjects = (_subject(event, field) for field in ("fault", "app", "step"))
    return not moment.of or moment.of in subjects


def _subject(event: AnyEvent, field: str) -> str:
    return str(getattr(event, field, ""))

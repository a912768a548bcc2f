"""The state that a start-up reaches: the first answer of health may not be the last. Pure.

An app may answer degraded until it has checked its dependencies for the first time. So a start that
must be healthy has its whole deadline to become healthy. The reverse is not allowed: an app that
answers healthy gets users, so it must not answer degraded afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from chaoslab.evidence.claim import Bounded, OfBoot
from chaoslab.evidence.timeline import (
    SERVING,
    Span,
    answered_s,
    asking,
    gap,
    samples,
    silence_s,
    spawned,
)
from chaoslab.history.events import HealthSample, Spawned, StartupComplete
from chaoslab.history.journal import History
from chaoslab.model.health import HealthState
from chaoslab.model.load import Sampling
from chaoslab.reason import Code, Reason


class Start(Bounded, Protocol):
    """A claim about the state that a start reaches: `mode` is `normal`, `degraded` or None (any of
    the two).
    """

    @property
    def mode(self) -> str | None: ...


class Availability(OfBoot, Protocol):
    """A claim about the state that an app keeps: `healthy` says whether degraded is not enough."""

    @property
    def healthy(self) -> bool: ...


def _states(data: Mapping[str, Any]) -> str:
    turns = zip(data["states"], data["after_s"], strict=True)
    answers = ", ".join(f"{state} at {after_s:.3f} s" for state, after_s in turns)
    return f"answered {answers} after the spawn"


STATES = Code(
    "start.states",
    _states,
    "The states that health answered, one after the other, from its first good answer on.",
    data=("states", "after_s"),
)
_STATE = {"normal": HealthState.HEALTHY, "degraded": HealthState.DEGRADED}


def wanted(e: Start) -> frozenset[HealthState]:
    """The states of health that satisfy the claim `e`."""
    return frozenset({_STATE[e.mode]}) if e.mode else SERVING


def may_settle(e: Start, complete: StartupComplete) -> bool:
    """Whether the state at the first good answer may still turn into the one that `e` claims."""
    return e.mode == "normal" and complete.state is HealthState.DEGRADED


def came_s(e: Start, complete: StartupComplete, history: History) -> float | None:
    """The time at which the start reached the state that `e` claims: at its first good answer, or
    at a later one. None if it did not.
    """
    if complete.state in wanted(e):
        return complete.at_s
    if not may_settle(e, complete):
        return None
    return healthy_from_s(e.app, e.boot, complete, history)


def healthy_from_s(
    app: str, boot: int, complete: StartupComplete, history: History
) -> float | None:
    """The time at which the first healthy answer after the start-up's first good answer was
    received. None if there is none.
    """
    healthy = (s for s in samples(history, app, boot) if s.state is HealthState.HEALTHY)
    return min((s for s in map(answered_s, healthy) if s > complete.at_s), default=None)


def states_in_turn(
    e: Start, begun: Spawned, complete: StartupComplete, history: History
) -> Reason | None:
    """The reason that lists the states of health from the first good answer on, each with its time
    in seconds after the spawn. None if the state did not change before the start's deadline, or
    before the claimed state.
    """
    until_s = came_s(e, complete, history)
    due_s = begun.at_s + (e.within_s or 0.0)
    turns = [(complete.at_s, complete.state)]
    later = (s for s in samples(history, e.app, e.boot) if s.at_s >= complete.at_s)
    for sample in sorted(later, key=answered_s):
        at_s = answered_s(sample)
        over = at_s > (due_s if until_s is None else until_s)
        if sample.state is not turns[-1][1] and not over:
            turns.append((at_s, sample.state))
    if until_s is not None and turns[-1][1] not in wanted(e):
        turns.append((until_s, next(iter(wanted(e)))))
    if len(turns) == 1:
        return None
    return STATES(
        states=[state.value for _, state in turns],
        after_s=[at_s - begun.at_s for at_s, _ in turns],
    )


def pause_before_deadline(
    e: Start, begun: Spawned, complete: StartupComplete, sampling: Sampling, history: History
) -> Span | None:
    """The first pause in the requests to health that is too long, before the deadline of a start
    that stayed degraded. None if there is none.
    """
    due_s = begun.at_s + (e.within_s or 0.0)
    ends = (Span(start_s=complete.at_s, end_s=complete.at_s), Span(start_s=due_s, end_s=due_s))
    asked = (s for s in samples(history, e.app, e.boot) if complete.at_s < s.at_s < due_s)
    return gap([ends[0], *map(asking, asked), ends[1]], silence_s(sampling))


def has_to_settle(e: Availability, complete: StartupComplete) -> bool:
    """Whether `e` claims a healthy app whose first good answer was degraded, so that it may still
    turn to healthy.
    """
    return e.healthy and complete.state is HealthState.DEGRADED


def settled_from(
    e: Availability,
    complete: StartupComplete,
    seen: list[HealthSample],
    startup_s: float,
    history: History,
) -> HealthSample | None:
    """The first healthy answer in `seen` of an app whose first good answer was degraded, if it
    arrived within `startup_s` seconds from the spawn. None if there is no such answer, or if the
    app did not have to settle.
    """
    begun = spawned(history, e.app, e.boot)
    if not has_to_settle(e, complete) or begun is None:
        return None
    good = (s for s in seen if s.state is HealthState.HEALTHY)
    first = min(good, key=answered_s, default=None)
    return first if first and answered_s(first) <= begun.at_s + startup_s else None


def before_settling(seen: list[HealthSample], first: HealthSample) -> list[HealthSample]:
    """The degraded answers in `seen` whose requests were sent before the healthy answer `first`
    arrived.
    """
    return [s for s in seen if s.state is HealthState.DEGRADED and s.at_s < answered_s(first)]

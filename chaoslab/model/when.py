"""Triggers: the moments at which the faults, boots and loads of a plan begin and end. Plain data.

Each moment of a history has a trigger. `after_s` is a number of seconds after the moment. `nth`
says which occurrence is meant, from 1. `app` names an app; empty means any. `within_s` is how many
seconds to wait for the moment; if it is None, it follows from the app's deadlines.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Literal, ParamSpec

from chaoslab.model.topology import Deadlines

P = ParamSpec("P")

Moment = Literal[
    "spawned", "bound", "first_answer", "startup_complete", "ready",
    "degraded", "healthy", "lost", "exited", "in_force", "affected", "healed", "acknowledged",
    "done",
]  # fmt: skip
# The moments that are of a fault; `done` is of a step, and all others are of an app.
OF_FAULTS: frozenset[Moment] = frozenset({"in_force", "affected", "healed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeSpawn:
    """The trigger of a fault that is confirmed in force before the first app is spawned."""

    kind: Literal["before_spawn"] = "before_spawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtConnection:
    """The trigger at the n-th connection that `link` accepts since the app was spawned. The proxy
    engine itself injects the fault, so that it affects this connection.
    """

    link: str
    n: int = 1
    kind: Literal["at_connection"] = "at_connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMoment:
    """The trigger `after_s` seconds after a moment of the history, the `nth` of its kind.

    `of` is the fault's name for `in_force`, `affected` and `healed`, the step's name for `done`,
    else the app's name. Empty means any.
    `naming` are the dependencies that health must name for `lost`, in alphabetical order. If the
    moment is the stop of a fault, a change of health that was over before the fault began does not
    count.

    If the moment does not occur within `within_s` seconds, or can no longer occur, a fault with
    this start is not injected, a fault with this stop is healed, and a boot or a load does not
    begin. It is recorded, and docs/verdicts.md says how it changes the verdicts. If `within_s` is
    None, it is filled in from the app's deadlines when the plan is resolved.
    """

    moment: Moment
    of: str = ""
    naming: tuple[str, ...] = ()
    nth: int = 1
    after_s: float = 0.0
    within_s: float | None = None
    kind: Literal["at_moment"] = "at_moment"


def bounded(
    moment: AtMoment, deadlines: Deadlines, steps_s: Mapping[str, float] | None = None
) -> AtMoment:
    """The moment. If its `within_s` is None, it is filled in from the app's deadlines. `steps_s`
    maps each step of the plan to how long it may take after its own deadlines.
    """
    if moment.within_s is not None:
        return moment
    at_most_s = deadlines.startup_s + deadlines.degraded_s + deadlines.recovery_s
    match moment.moment:
        case "degraded" | "lost" | "affected":
            within_s = deadlines.startup_s + deadlines.degraded_s
        case "exited":
            within_s = deadlines.startup_s + deadlines.fail_fast_s
        case "done":
            named = (s for name, s in (steps_s or {}).items() if moment.of in ("", name))
            within_s = at_most_s + max(named, default=0.0)
        case _:
            within_s = at_most_s
    rounds = 1 if moment.moment == "acknowledged" else moment.nth
    return replace(moment, within_s=rounds * within_s)


Trigger = BeforeSpawn | AtConnection | AtMoment

before_spawn = BeforeSpawn()


def connection(link: str, n: int = 1) -> AtConnection:
    """The trigger at the link's n-th connection. The proxy engine itself injects the fault, so that
    it affects this connection.
    """
    return AtConnection(link=link, n=n)


def _knows_hold_s(trigger: Callable[P, AtMoment]) -> Callable[P, AtMoment]:
    """The function `trigger`, extended for one release: it also takes `hold_s`, the old name of
    `after_s`.
    """

    @wraps(trigger)
    def understood(*args: P.args, **given: P.kwargs) -> AtMoment:
        if "hold_s" in given:
            what = f"when.{trigger.__name__}(hold_s=...): write after_s=..."
            warnings.warn(what, DeprecationWarning, stacklevel=2)
            given["after_s"] = given.pop("hold_s")
        return trigger(*args, **given)

    return understood


def spawned(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the app was spawned for the nth time. Restarts are not
    counted.
    """
    return AtMoment(moment="spawned", of=app, nth=nth, after_s=after_s, within_s=within_s)


def bound(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the app's port was first observed listening in a boot,
    for the nth time.
    """
    return AtMoment(moment="bound", of=app, nth=nth, after_s=after_s, within_s=within_s)


def first_answer(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the first HTTP answer of a boot, of any status, for the
    nth time.
    """
    return AtMoment(moment="first_answer", of=app, nth=nth, after_s=after_s, within_s=within_s)


@_knows_hold_s
def started(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the start-up of a boot of the app was complete, for the
    nth time.
    """
    return AtMoment(moment="startup_complete", of=app, nth=nth, after_s=after_s, within_s=within_s)


def ready(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the readiness path first answered 2xx in a boot, for the
    nth time. For an app without a readiness path it is the same moment as for `started`.
    """
    return AtMoment(moment="ready", of=app, nth=nth, after_s=after_s, within_s=within_s)


@_knows_hold_s
def degraded(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the app's health changed to degraded for the nth time."""
    return AtMoment(moment="degraded", of=app, nth=nth, after_s=after_s, within_s=within_s)


@_knows_hold_s
def healthy(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the app's health changed to healthy for the nth time."""
    return AtMoment(moment="healthy", of=app, nth=nth, after_s=after_s, within_s=within_s)


@_knows_hold_s
def lost(
    *naming: str,
    after_s: float = 0.0,
    nth: int = 1,
    app: str = "",
    within_s: float | None = None,
) -> AtMoment:
    """The trigger `after_s` seconds after the app's health named exactly the dependencies `naming`
    as lost, for the nth time.
    """
    return AtMoment(
        moment="lost",
        of=app,
        naming=tuple(sorted(naming)),
        nth=nth,
        after_s=after_s,
        within_s=within_s,
    )


def exited(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the app's process ended for the nth time."""
    return AtMoment(moment="exited", of=app, nth=nth, after_s=after_s, within_s=within_s)


def acknowledged(
    count: int, after_s: float = 0.0, *, app: str = "", within_s: float | None = None
) -> AtMoment:
    """The trigger `after_s` seconds after the app has acknowledged its `count`-th write of the
    load.
    """
    return AtMoment(moment="acknowledged", of=app, nth=count, after_s=after_s, within_s=within_s)


@_knows_hold_s
def in_force(fault: str, after_s: float = 0.0, *, within_s: float | None = None) -> AtMoment:
    """The trigger `after_s` seconds after `fault` was confirmed in force: observed by a canary, or
    read back.
    """
    return AtMoment(moment="in_force", of=fault, after_s=after_s, within_s=within_s)


def affected(fault: str, after_s: float = 0.0, *, within_s: float | None = None) -> AtMoment:
    """The trigger `after_s` seconds after `fault` was first observed to affect an app while in
    force.

    What counts: the app exited; its health, liveness or readiness answered differently than before,
    hung past its limit or failed; so did a request of a load; or the lab observed the app's
    connections under the fault, as the evidence for a verdict requires.
    """
    return AtMoment(moment="affected", of=fault, after_s=after_s, within_s=within_s)


def healed(fault: str, after_s: float = 0.0, *, within_s: float | None = None) -> AtMoment:
    """The trigger `after_s` seconds after `fault` was healed."""
    return AtMoment(moment="healed", of=fault, after_s=after_s, within_s=within_s)


def done(step: str, after_s: float = 0.0, *, within_s: float | None = None) -> AtMoment:
    """The trigger `after_s` seconds after the step `step` was over, whether it failed or not. With
    it a fault can be held until the scenario has done something.
    """
    return AtMoment(moment="done", of=step, after_s=after_s, within_s=within_s)

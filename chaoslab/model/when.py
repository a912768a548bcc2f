"""Triggers: the moments at which a plan's faults, boots and load begin and end. Plain data.

Each moment of a history has its trigger. `after_s` is how many seconds after the moment, `nth`
which of its kind, `app` whose (any, where it is left out), and `within_s` how many seconds to wait
for it (None: by the app's own deadlines).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Literal, ParamSpec

from chaoslab.model.topology import Deadlines

P = ParamSpec("P")

Moment = Literal[
    "spawned", "bound", "first_answer", "startup_complete", "ready",
    "degraded", "healthy", "lost", "exited", "in_force", "healed", "acknowledged",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeSpawn:
    """Before the first app is spawned, and confirmed in force by then."""

    kind: Literal["before_spawn"] = "before_spawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtConnection:
    """When `link` accepts its n-th connection, seen and acted on inside the proxy engine: that very
    connection meets the fault. Counted since the app was spawned.
    """

    link: str
    n: int = 1
    kind: Literal["at_connection"] = "at_connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtMoment:
    """`after_s` seconds after a moment of the history, the `nth` of its kind.

    `of` is the fault's name for `in_force` and `healed`, else the app's name; empty means any.
    `naming` are the dependencies that health must name for `lost`, in alphabetical order.
    As the stop of a fault it is no turn of health that was taken back before the fault began.
    Where the moment has not come within `within_s` seconds of waiting, or can come no more, a fault
    that should start stays out, a fault that should stop is healed all the same, and a boot or a
    load does not begin; each is recorded, and docs/verdicts.md says what it makes of the verdicts.
    None is filled in from the app's deadlines when the plan is resolved.
    """

    moment: Moment
    of: str = ""
    naming: tuple[str, ...] = ()
    nth: int = 1
    after_s: float = 0.0
    within_s: float | None = None
    kind: Literal["at_moment"] = "at_moment"


def patient(moment: AtMoment, deadlines: Deadlines) -> AtMoment:
    """The moment with its bound written out, from what the app promises of itself."""
    if moment.within_s is not None:
        return moment
    match moment.moment:
        case "degraded" | "lost":
            within_s = deadlines.startup_s + deadlines.degraded_s
        case "exited":
            within_s = deadlines.startup_s + deadlines.fail_fast_s
        case _:
            within_s = deadlines.startup_s + deadlines.degraded_s + deadlines.recovery_s
    rounds = 1 if moment.moment == "acknowledged" else moment.nth
    return replace(moment, within_s=rounds * within_s)


Trigger = BeforeSpawn | AtConnection | AtMoment

before_spawn = BeforeSpawn()


def connection(link: str, n: int = 1) -> AtConnection:
    """At the link's n-th connection, in the engine, not by polling."""
    return AtConnection(link=link, n=n)


def _knows_hold_s(trigger: Callable[P, AtMoment]) -> Callable[P, AtMoment]:
    """The same trigger, which for one release understands `hold_s`, the old name of `after_s`."""

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
    """`after_s` seconds after the app was spawned for the nth time, restarts left out."""
    return AtMoment(moment="spawned", of=app, nth=nth, after_s=after_s, within_s=within_s)


def bound(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """`after_s` seconds after the app's port was first seen listening (of its nth boot)."""
    return AtMoment(moment="bound", of=app, nth=nth, after_s=after_s, within_s=within_s)


def first_answer(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """`after_s` seconds after the app's first HTTP answer, of any status (of its nth boot)."""
    return AtMoment(moment="first_answer", of=app, nth=nth, after_s=after_s, within_s=within_s)


@_knows_hold_s
def started(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """`after_s` seconds after the app said that its start-up is complete (of its nth boot)."""
    return AtMoment(moment="startup_complete", of=app, nth=nth, after_s=after_s, within_s=within_s)


def ready(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """`after_s` seconds after the readiness path first answered 2xx (of the app's nth boot)."""
    return AtMoment(moment="ready", of=app, nth=nth, after_s=after_s, within_s=within_s)


@_knows_hold_s
def degraded(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """`after_s` seconds after health turned degraded for the nth time."""
    return AtMoment(moment="degraded", of=app, nth=nth, after_s=after_s, within_s=within_s)


@_knows_hold_s
def healthy(
    after_s: float = 0.0, *, nth: int = 1, app: str = "", within_s: float | None = None
) -> AtMoment:
    """`after_s` seconds after health turned healthy for the nth time."""
    return AtMoment(moment="healthy", of=app, nth=nth, after_s=after_s, within_s=within_s)


@_knows_hold_s
def lost(
    *naming: str,
    after_s: float = 0.0,
    nth: int = 1,
    app: str = "",
    within_s: float | None = None,
) -> AtMoment:
    """`after_s` seconds after health named exactly these dependencies as lost, the nth time."""
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
    """`after_s` seconds after the app's process ended for the nth time."""
    return AtMoment(moment="exited", of=app, nth=nth, after_s=after_s, within_s=within_s)


def acknowledged(
    count: int, after_s: float = 0.0, *, app: str = "", within_s: float | None = None
) -> AtMoment:
    """`after_s` seconds after the app has acknowledged its `count`-th write of the load."""
    return AtMoment(moment="acknowledged", of=app, nth=count, after_s=after_s, within_s=within_s)


@_knows_hold_s
def in_force(fault: str, after_s: float = 0.0, *, within_s: float | None = None) -> AtMoment:
    """`after_s` seconds after the lab's canary saw `fault` in force."""
    return AtMoment(moment="in_force", of=fault, after_s=after_s, within_s=within_s)


def healed(fault: str, after_s: float = 0.0, *, within_s: float | None = None) -> AtMoment:
    """`after_s` seconds after `fault` was healed."""
    return AtMoment(moment="healed", of=fault, after_s=after_s, within_s=within_s)

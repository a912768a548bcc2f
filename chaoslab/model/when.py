"""Triggers: the moments at which a plan's faults, boots and load begin and end. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from chaoslab.model.topology import Deadlines

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


def spawned(after_s: float = 0.0) -> AtMoment:
    """`after_s` seconds after the app was spawned."""
    return AtMoment(moment="spawned", after_s=after_s)


def started(hold_s: float = 0.0, *, nth: int = 1) -> AtMoment:
    """`hold_s` seconds after the app said that its start-up is complete (of its nth boot)."""
    return AtMoment(moment="startup_complete", after_s=hold_s, nth=nth)


def degraded(hold_s: float = 0.0, *, nth: int = 1) -> AtMoment:
    """`hold_s` seconds after health turned degraded for the nth time."""
    return AtMoment(moment="degraded", after_s=hold_s, nth=nth)


def lost(*naming: str, hold_s: float = 0.0, nth: int = 1) -> AtMoment:
    """`hold_s` seconds after health named exactly these dependencies as lost, the nth time."""
    return AtMoment(moment="lost", naming=tuple(sorted(naming)), after_s=hold_s, nth=nth)


def healthy(hold_s: float = 0.0, *, nth: int = 1) -> AtMoment:
    """`hold_s` seconds after health turned healthy for the nth time."""
    return AtMoment(moment="healthy", after_s=hold_s, nth=nth)


def exited(*, nth: int = 1) -> AtMoment:
    """When the app's process ended for the nth time."""
    return AtMoment(moment="exited", nth=nth)


def in_force(fault: str, hold_s: float = 0.0) -> AtMoment:
    """`hold_s` seconds after the lab's canary saw `fault` in force."""
    return AtMoment(moment="in_force", of=fault, after_s=hold_s)


def healed(fault: str, after_s: float = 0.0) -> AtMoment:
    """`after_s` seconds after `fault` was healed."""
    return AtMoment(moment="healed", of=fault, after_s=after_s)


def acknowledged(count: int) -> AtMoment:
    """When the app has acknowledged its `count`-th write."""
    return AtMoment(moment="acknowledged", nth=count)


def bound(after_s: float = 0.0) -> AtMoment:
    """`after_s` seconds after the app's port was first seen listening."""
    return AtMoment(moment="bound", after_s=after_s)

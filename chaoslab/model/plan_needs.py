"""What an expectation needs of the app and of the rest of the plan, to be judged at all. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chaoslab.errors import Problem
from chaoslab.model.expect import (
    BacksOff,
    Expectation,
    FailsFast,
    ReadyWhenServing,
    RefusesHonestly,
    RegainsLatency,
    ReleasesConnections,
    Serves,
    StaysLive,
)

if TYPE_CHECKING:
    from chaoslab.model.plan import Plan
    from chaoslab.model.topology import Topology


def need_problems(where: str, e: Expectation, plan: Plan, topology: Topology) -> Iterator[Problem]:
    """Paths that nobody could ask, users who are not there, and bounds that nothing could keep."""
    only = next(iter(topology.apps))
    name = e.app or only
    app = topology.apps.get(name)
    if app is not None:
        if isinstance(e, StaysLive) and app.health.live_path is None:
            yield _lacks(where, e, "live_path", name)
        if isinstance(e, ReadyWhenServing) and app.health.ready_path is None:
            yield _lacks(where, e, "ready_path", name)
    by_load = isinstance(e, Serves | RefusesHonestly | RegainsLatency | ReadyWhenServing)
    if by_load and not any((load.app or only) == name for load in plan.load):
        what = f"'{e.kind}' is judged by users' writes, and the plan has no load of {name}"
        yield Problem(where=where, what=what, fix="give it load=[Load(start=when.healthy())]")
    if isinstance(e, BacksOff | ReleasesConnections | RegainsLatency) and not plan.faults:
        yield Problem(where=where, what=f"'{e.kind}' needs a fault, and the plan has none")
    yield from _bounds(where, e)


def _bounds(where: str, e: Expectation) -> Iterator[Problem]:
    match e:
        case Serves():
            yield from _least(where, 1, at_least=e.at_least, after_heal=e.after_heal)
        case RefusesHonestly():
            yield from _least(where, 0, at_least=e.at_least)
        case RegainsLatency():
            yield from _least(where, 1, at_least=e.at_least)
            if not e.ratio > 0:
                yield _wrong(where, "ratio", e.ratio, "more than 0")
        case BacksOff():
            if e.connects_per_s is not None and not e.connects_per_s > 0:
                yield _wrong(where, "connects_per_s", e.connects_per_s, "more than 0")
            yield from _least(where, 1, herd=e.herd)
        case ReleasesConnections():
            yield from _least(where, 0, spare=e.spare)
        case FailsFast(cause=str(word)):
            yield _wrong(where, "cause", word, "a tuple of words", f"write ({word!r},)")


def _lacks(where: str, e: Expectation, path: str, app: str) -> Problem:
    what = f"'{e.kind}' asks at the {path} of '{app}', which declares none"
    return Problem(where=where, what=what, fix=f"add {path} to [apps.{app}.health]")


def _least(where: str, least: int, **values: int | None) -> Iterator[Problem]:
    for name, value in values.items():
        if value is not None and value < least:
            yield _wrong(where, name, value, f"{least} or more")


def _wrong(where: str, name: str, value: object, expected: str, fix: str = "") -> Problem:
    return Problem(where=where, what=f"{name} is {value!r}", expected=expected, fix=fix)

"""What several claims need of a plan, and the bounds of their values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Literal

from chaoslab.errors import Problem, did_you_mean
from chaoslab.model.expectation import Expected, Place
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan


def bounds(place: Place, e: Expected) -> Iterator[Problem]:
    """A bound of no time, and a boot that the plan does not have."""
    within_s = getattr(e, "within_s", None)
    if within_s is not None:
        yield from above(place, 0, within_s=within_s)
    boots, boot = _boots(place, e.app), getattr(e, "boot", 1)
    if not 1 <= boot <= boots:
        yield wrong(place, "boot", boot, f"1 to {boots}, the boots that the plan has of the app")


def _boots(place: Place, app: str) -> int:
    """How many boots the plan has of an app."""
    only = next(iter(place.topology.apps))
    return sum((boot.app or only) == (app or only) for boot in place.plan.boots)


def names(place: Place, naming: object) -> Iterator[Problem]:
    """Names to be given by the app: a tuple with at least one."""
    if isinstance(naming, str):
        yield wrong(place, "naming", naming, "a tuple of names", f"write ({naming!r},)")
    elif not naming:
        yield wrong(place, "naming", naming, "what the app must name")


def a_fault(place: Place, e: Expected) -> Iterator[Problem]:
    """A fault in the plan."""
    if not place.plan.faults:
        yield Problem(where=place.where, what=f"'{e.kind}' needs a fault, and the plan has none")


def healed(
    place: Place, e: Expected, faults: Sequence[Declared], needs: str = "every fault healed"
) -> Iterator[Problem]:
    """A stop for each of these faults, where the claim cannot be judged before the heal."""
    for fault in faults:
        if fault.resolved().stop is None:
            what = f"'{e.kind}' needs {needs}, and {fault.label} is kept to the end"
            yield Problem(where=place.where, what=what, fix="give it a stop=")


def a_load(place: Place, e: Expected) -> Iterator[Problem]:
    """Users: a load of the app."""
    only = next(iter(place.topology.apps))
    name = e.app or only
    if not any((load.app or only) == name for load in place.plan.load):
        what = f"'{e.kind}' is judged by users' writes, and the plan has no load of {name}"
        yield Problem(where=place.where, what=what, fix="give it load=[Load(start=when.healthy())]")


def a_path(
    place: Place, e: Expected, path: Literal["live_path", "ready_path"]
) -> Iterator[Problem]:
    """A path of the app at which the question is asked."""
    name = e.app or next(iter(place.topology.apps))
    app = place.topology.apps.get(name)
    if app is not None and getattr(app.health, path) is None:
        what = f"'{e.kind}' asks at the {path} of '{name}', which declares none"
        yield Problem(where=place.where, what=what, fix=f"add {path} to [apps.{name}.health]")


def slowest_rate(app: str, plan: Plan) -> float:
    """Writes a second of the slowest load of an app; infinite where it has none."""
    return min((load.rate_per_s for load in plan.load if load.app == app), default=inf)


def above(place: Place, bound: float, **values: float) -> Iterator[Problem]:
    """Values that must be more than the bound."""
    for name, value in values.items():
        if not value > bound:
            yield wrong(place, name, value, f"more than {bound}")


def least(place: Place, bound: int, **values: int | None) -> Iterator[Problem]:
    """Values that must be the bound or more, where they are given."""
    for name, value in values.items():
        if value is not None and value < bound:
            yield wrong(place, name, value, f"{bound} or more")


def linked(place: Place, app: str, services: Iterable[str]) -> Iterator[Problem]:
    """Services that the app has no link to."""
    links = place.topology.apps[app or next(iter(place.topology.apps))].links
    for name in services:
        if name not in links:
            what = f"services has '{name}', which the app has no link to"
            expected = "one of: " + ", ".join(links) if links else "none: it has no link"
            fix = did_you_mean(name, links)
            yield Problem(where=place.where, what=what, expected=expected, fix=fix)


def wrong(place: Place, name: str, value: object, expected: str, fix: str = "") -> Problem:
    """One wrong value."""
    return Problem(where=place.where, what=f"{name} is {value!r}", expected=expected, fix=fix)

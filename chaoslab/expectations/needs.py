"""Checks that several claims make of a plan and of their own values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Literal

from chaoslab.errors import Problem, did_you_mean
from chaoslab.model.expectation import Expected, Place
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan


def app_name(place: Place, name: str) -> str:
    """The name of an app; the first app of the topology where a plan leaves the name out."""
    return name or next(iter(place.topology.apps))


def bounds(place: Place, e: Expected) -> Iterator[Problem]:
    """Check that `within_s` is above 0, and that the plan has the claim's boot."""
    within_s = getattr(e, "within_s", None)
    if within_s is not None:
        yield from above(place, 0, within_s=within_s)
    name, boot = app_name(place, e.app), getattr(e, "boot", 1)
    boots = sum(app_name(place, each.app) == name for each in place.plan.boots)
    if not 1 <= boot <= boots:
        yield wrong(place, "boot", boot, f"1 to {boots}, the boots that the plan has of the app")


def names(place: Place, naming: object) -> Iterator[Problem]:
    """Check that `naming` is a tuple with at least one name."""
    if isinstance(naming, str):
        yield wrong(place, "naming", naming, "a tuple of names", f"write ({naming!r},)")
    elif not naming:
        yield wrong(place, "naming", naming, "what the app must name")


def a_fault(place: Place, e: Expected) -> Iterator[Problem]:
    """Check that the plan has a fault."""
    if not place.plan.faults:
        yield Problem(where=place.where, what=f"'{e.kind}' needs a fault, and the plan has none")


def healed(
    place: Place, e: Expected, faults: Sequence[Declared], needs: str = "every fault healed"
) -> Iterator[Problem]:
    """Check that each of these faults has a stop, for a claim about the time after the heal."""
    for fault in faults:
        if fault.resolved().stop is None:
            what = f"'{e.kind}' needs {needs}, and {fault.label} has no stop"
            yield Problem(where=place.where, what=what, fix="give it a stop=")


def a_load(place: Place, e: Expected) -> Iterator[Problem]:
    """Check that the plan has a load of the app."""
    name = app_name(place, e.app)
    if not any(app_name(place, load.app) == name for load in place.plan.load):
        what = f"'{e.kind}' is judged by the load's writes, and the plan has no load of {name}"
        yield Problem(where=place.where, what=what, fix="give it load=[Load(start=when.healthy())]")


def a_path(
    place: Place, e: Expected, path: Literal["live_path", "ready_path"]
) -> Iterator[Problem]:
    """Check that the app declares this path."""
    name = app_name(place, e.app)
    app = place.topology.apps.get(name)
    if app is not None and getattr(app.health, path) is None:
        what = f"'{e.kind}' needs the {path} of '{name}', which declares none"
        yield Problem(where=place.where, what=what, fix=f"add {path} to [apps.{name}.health]")


def slowest_rate(app: str, plan: Plan) -> float:
    """Writes per second of the slowest load of an app; infinite if it has no load."""
    return min((load.rate_per_s for load in plan.load if load.app == app), default=inf)


def above(place: Place, bound: float, **values: float) -> Iterator[Problem]:
    """Check that each value is above the bound."""
    for name, value in values.items():
        if not value > bound:
            yield wrong(place, name, value, f"more than {bound}")


def least(place: Place, bound: int, **values: int | None) -> Iterator[Problem]:
    """Check that each value that is given is the bound or more."""
    for name, value in values.items():
        if value is not None and value < bound:
            yield wrong(place, name, value, f"{bound} or more")


def linked(place: Place, app: str, services: Iterable[str]) -> Iterator[Problem]:
    """Check that the app has a link to each of these services."""
    links = place.topology.apps[app_name(place, app)].links
    for name in services:
        if name not in links:
            what = f"services has '{name}', and the app has no link to it"
            expected = "one of: " + ", ".join(links) if links else "none: it has no link"
            fix = did_you_mean(name, links)
            yield Problem(where=place.where, what=what, expected=expected, fix=fix)


def wrong(place: Place, name: str, value: object, expected: str, fix: str = "") -> Problem:
    """The problem of one wrong value."""
    return Problem(where=place.where, what=f"{name} is {value!r}", expected=expected, fix=fix)

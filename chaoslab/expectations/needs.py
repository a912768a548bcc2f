"""Functions that check a plan and the values of a claim: each yields a problem if the check fails.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import Literal

from chaoslab.errors import ErrorCode, Problem, did_you_mean
from chaoslab.model.expectation import Expected, Place
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan
from chaoslab.model.requests import RequestKind
from chaoslab.model.topology import App
from chaoslab.model.values import above, no_requests, wrong

NO_FAULT = ErrorCode(
    "expectation.no_fault",
    "'{kind}' needs a fault, and the plan has none",
    "The claim is about a fault or a recovery, and the plan has no fault.",
)
NO_STOP = ErrorCode(
    "expectation.no_stop",
    "'{kind}' needs the heal of {fault}, which has no stop",
    "The claim cannot be judged before the heal, and the fault is in force to the run's end.",
)
NO_LOAD = ErrorCode(
    "expectation.no_load",
    lambda data: (
        f"'{data['kind']}' is judged by a load's requests, and the plan has no load of "
        f"{data['app']}" + (f" with the request {data['request']}" if data["request"] else "")
    ),
    "The claim is about the requests of a load, and the plan sends none.",
    data=("kind", "app", "request"),
)
NO_PATH = ErrorCode(
    "expectation.no_path",
    "'{kind}' needs the {path} of '{app}', which declares none",
    "The claim is about a path that the app does not declare.",
)
NO_LINK = ErrorCode(
    "expectation.no_link",
    "services has '{service}', and the app has no link to it",
    "The claim names a service that the app does not use.",
)


def app_name(place: Place, name: str) -> str:
    """`name`, or the name of the topology's first app if `name` is empty."""
    return name or next(iter(place.topology.apps))


def bounds(place: Place, e: Expected) -> Iterator[Problem]:
    """Yields a problem if `within_s` is not above 0, and one if the plan does not have the claim's
    boot.
    """
    within_s = getattr(e, "within_s", None)
    if within_s is not None:
        yield from above(place.where, 0, within_s=within_s)
    name, boot = app_name(place, e.app), getattr(e, "boot", 1)
    boots = sum(app_name(place, each.app) == name for each in place.plan.boots)
    if not 1 <= boot <= boots:
        expected = f"1 to {boots}, the boots that the plan has of the app"
        yield wrong(place.where, "boot", boot, expected)


def most_restarts(place: Place, e: Expected) -> float:
    """How often the supervisor of the claim's app may restart it: 0 without one, infinite without a
    limit.
    """
    app = place.topology.apps.get(app_name(place, e.app))
    if app is None:
        return inf  # reported as an unknown name
    mine = (boot for boot in place.plan.boots if app_name(place, boot.app) == app.name)
    supervisors = (boot.supervisor_of(app) for boot in mine)
    return max((each.most_restarts for each in supervisors if each), default=0)


def names(place: Place, naming: object) -> Iterator[Problem]:
    """Yields a problem if `naming` is a text instead of a tuple, or is empty."""
    if isinstance(naming, str):
        yield wrong(place.where, "naming", naming, "a tuple of names", f"write ({naming!r},)")
    elif not naming:
        yield wrong(place.where, "naming", naming, "what the app must name")


def a_fault(place: Place, e: Expected) -> Iterator[Problem]:
    """Yields a problem if the plan has no fault."""
    if not place.plan.faults:
        yield Problem(where=place.where, reason=NO_FAULT(kind=e.kind), fix="give the plan a fault")


def healed(place: Place, e: Expected, faults: Sequence[Declared]) -> Iterator[Problem]:
    """Yields a problem for each fault in `faults` that has no stop: the claim needs its heal."""
    for fault in faults:
        if fault.resolved().stop is None:
            reason = NO_STOP(kind=e.kind, fault=fault.label)
            yield Problem(where=place.where, reason=reason, fix="give it a stop=")


def first_request(app: App) -> str:
    """The name of the app's first request, as of a load that names none. Empty if it has none."""
    return app.first_request.name if app.first_request else ""


def a_load(
    place: Place, e: Expected, usual: Callable[[App], str] = first_request
) -> Iterator[Problem]:
    """Yields a problem if the plan has no load of the claim's app, or none of the claim's request.
    `usual` is the request of a claim that names none.
    """
    name = app_name(place, e.app)
    app, wanted = place.topology.apps.get(name), getattr(e, "request", None)
    if app is not None and wanted not in (None, *app.requests):
        yield from a_request(place, e, wanted)
        return
    first = first_request(app) if app else ""
    wanted = wanted or (usual(app) if app else "")
    loads = (load for load in place.plan.load if app_name(place, load.app) == name)
    if not any((load.request or first) == wanted for load in loads):
        named = f", request={wanted!r}" if wanted != first else ""
        fix = f"give the plan load=[Load(start=when.healthy(){named})]"
        reason = NO_LOAD(kind=e.kind, app=name, request=wanted)
        yield Problem(where=place.where, reason=reason, fix=fix)


def any_load(place: Place, e: Expected) -> Iterator[Problem]:
    """Yields a problem if the plan has no load of the claim's app."""
    name = app_name(place, e.app)
    if not any(app_name(place, load.app) == name for load in place.plan.load):
        reason = NO_LOAD(kind=e.kind, app=name, request="")
        fix = "give the plan load=[Load(start=when.healthy())]"
        yield Problem(where=place.where, reason=reason, fix=fix)


def a_request(
    place: Place, e: Expected, request: str | None, *kinds: RequestKind
) -> Iterator[Problem]:
    """Yields a problem if the claim's app has no request, or none with the name `request`, or if
    that has another kind than `kinds` (if any are given).
    """
    app = place.topology.apps.get(app_name(place, e.app))
    if app is None:
        return
    fitting = [r.name for r in app.requests.values() if not kinds or r.kind in kinds]
    if not fitting:
        yield no_requests(place.where, e.kind, app.name, *kinds)
    elif request is not None and request not in fitting:
        fix = did_you_mean(request, fitting)
        yield wrong(place.where, "request", request, "one of: " + ", ".join(fitting), fix)


def a_path(
    place: Place, e: Expected, path: Literal["live_path", "ready_path"]
) -> Iterator[Problem]:
    """Yields a problem if the topology does not declare `path` for the claim's app."""
    name = app_name(place, e.app)
    app = place.topology.apps.get(name)
    if app is not None and getattr(app.health, path) is None:
        reason = NO_PATH(kind=e.kind, path=path, app=name)
        yield Problem(where=place.where, reason=reason, fix=f"add {path} to [apps.{name}.health]")


def slowest_rate(app: str, plan: Plan) -> float:
    """The writes per second of the app's slowest load; infinite if the app has no load."""
    return min((1 / load.every_s for load in plan.load if load.app == app), default=inf)


def least(place: Place, bound: int, **values: int | None) -> Iterator[Problem]:
    """Yields a problem for each of `values` that is not None and is below `bound`."""
    for name, value in values.items():
        if value is not None and value < bound:
            yield wrong(place.where, name, value, f"{bound} or more")


def linked(place: Place, app: str, services: Iterable[str]) -> Iterator[Problem]:
    """Yields a problem for each service in `services` to which the app has no link."""
    links = place.topology.apps[app_name(place, app)].links
    for name in services:
        if name not in links:
            expected = "one of: " + ", ".join(links) if links else "none: it has no link"
            fix = did_you_mean(name, links)
            reason = NO_LINK(service=name)
            yield Problem(where=place.where, reason=reason, expected=expected, fix=fix)

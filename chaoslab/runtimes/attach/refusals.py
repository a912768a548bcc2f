"""Refuses plans that need something which attach mode cannot do to an external system. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.errors import ErrorCode, FaultUnsupported, Problem
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Attach, Topology
from chaoslab.model.when import AtMoment, BeforeSpawn

NOT_POSSIBLE = ErrorCode(
    "attach.not_possible",
    "attach mode does not start or stop anything: {needs}",
    "A plan needs something that attach mode cannot do.",
)
_NOT_OBSERVABLE = ("bound", "exited")


def refuse(plan: Plan, topology: Topology, attach: Attach) -> None:
    """Raise FaultUnsupported, with every reason, if attach mode cannot carry out the plan."""
    reasons = tuple(dict.fromkeys(_reasons(plan, topology, attach)))
    if reasons:
        raise FaultUnsupported(Problem(reason=NOT_POSSIBLE(needs="; ".join(reasons))))


def _reasons(plan: Plan, topology: Topology, attach: Attach) -> Iterator[str]:
    yield from _boots(plan, topology, attach)
    yield from _start_up(plan)
    for fault in plan.faults:
        if fault.targets_service:
            yield f"{fault.label}: attach mode does not stop or change a service"
            continue
        if fault.reads_messages:
            yield f"{fault.label}: messages are read only on connections that the lab saw opened"
        for link in topology.links_of(fault.target):
            if link.name not in attach.links:
                yield f'{fault.label}: no [attach.links."{link.name}"]: the lab may change no proxy'
    for moment in _moments(plan):
        if moment.moment in _NOT_OBSERVABLE:
            yield f"the moment '{moment.moment}' is not observable in attach mode"
    for e in plan.expect:
        if "cost" in e.watches:
            yield f"'{e.kind}': what {e.app} costs is not observable in attach mode"
    yield from _writes(plan, topology, attach)


def _boots(plan: Plan, topology: Topology, attach: Attach) -> Iterator[str]:
    apps = [boot.app for boot in plan.boots]
    for boot in plan.boots:
        if boot.app not in attach.apps:
            yield f"[attach.apps.{boot.app}] is missing: the app's address is unknown"
        if port := topology.apps[boot.app].health.port:
            yield f"the health of {boot.app} is at its port '{port}', whose address is unknown"
        if boot.env:
            yield f"the environment of {boot.app} cannot be changed ({', '.join(boot.env)})"
        supervised = boot.supervisor is not None and boot.supervisor.acts
        if boot.at is not None or supervised or apps.count(boot.app) > 1:
            yield f"{boot.app} cannot be restarted"
        if boot.stop is not None:
            yield f"{boot.app} cannot be stopped: its process belongs to no boot of the lab"


def _start_up(plan: Plan) -> Iterator[str]:
    """Yield each reason why an expectation on the start-up cannot be judged: the app has started
    before the lab, so an expectation can only claim that it is up.
    """
    modes = {e.start_mode for e in plan.expect} - {None}
    if "end" in modes:
        yield "the plan expects the end of a start-up, but the app has already started"
    if "degraded" in modes:
        yield "the plan expects a degraded start-up, but the app has already started"
    elif modes - {"end"}:
        for fault in plan.faults:
            if isinstance(fault.start, BeforeSpawn):
                yield (
                    f"{fault.label} must be in force during the start-up,"
                    " but the app has already started"
                )


def _moments(plan: Plan) -> Iterator[AtMoment]:
    faults = (moment for fault in plan.faults for moment in (fault.start, fault.stop))
    loads = (moment for load in plan.load for moment in (load.start, load.stop))
    for moment in (*faults, *loads):
        if isinstance(moment, AtMoment):
            yield moment


def _writes(plan: Plan, topology: Topology, attach: Attach) -> Iterator[str]:
    """Yield a reason for each app whose writes or jobs the lab cannot read back: the address of the
    service with them is not declared.
    """
    writing = {load.app for load in plan.load}
    writing |= {e.app for e in plan.expect if e.proof or e.keeps_writes}
    doing = {e.app for e in plan.expect if "deliveries" in e.watches}
    for name in sorted(writing | doing):
        for what, service in _looked_up(topology.apps[name], jobs=name in doing):
            if service not in attach.services:
                yield (
                    f"{what} of {name} must be read back from {service}, but there is no "
                    f"[attach.services.{service}]"
                )


def _looked_up(app: App, *, jobs: bool) -> Iterator[tuple[str, str]]:
    """Yields, once each, what of the app's requests is looked up in which service: its writes, and
    with `jobs` its jobs too.
    """
    kinds = {"write": "writes", "job": "jobs"} if jobs else {"write": "writes"}
    wanted = (each for each in app.requests.values() if each.kind in kinds and each.found)
    places = {(kinds[each.kind], each.found.service): None for each in wanted if each.found}
    yield from (place for place in places if place[1])

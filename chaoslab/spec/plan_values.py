"""What is wrong with a plan's values, as far as no name of the topology tells. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

from chaoslab.errors import Problem, did_you_mean
from chaoslab.spec.expect import Degrades, Expectation, FailsFast, KeepsAcknowledged, Recovers
from chaoslab.spec.faults import (
    CutMidstream,
    FaultSpec,
    Flapping,
    OneWay,
    Restarted,
    Severed,
    SeveredMode,
    Slow,
    Stream,
    Throttled,
)
from chaoslab.spec.when import AtConnection, AtMoment, Moment

if TYPE_CHECKING:
    from chaoslab.spec.plan import Plan
    from chaoslab.spec.topology import Topology


def value_problems(plan: Plan, topology: Topology, where: str) -> Iterator[Problem]:
    """Every value of the plan that cannot be carried out or judged as it is written."""
    for i, fault in enumerate(plan.faults):
        yield from _fault(f"{where}: faults[{i}]", fault)
    for place, moment in _moments(plan):
        yield from _moment(f"{where}: {place}", moment, plan, topology)
    for i, e in enumerate(plan.expect):
        yield from _expectation(f"{where}: expect[{i}]", e, plan, topology)
    for i, load in enumerate(plan.load):
        place = f"{where}: load[{i}]"
        app = topology.apps.get(load.app or next(iter(topology.apps)))
        if app is not None and app.writes is None:
            mend = "add [apps.<app>.writes]"
            yield Problem(where=place, what=f"'{app.name}' declares no writes", mend=mend)
        yield from _above(place, 0, rate_per_s=load.rate_per_s, timeout_s=load.timeout_s)
    sampling = plan.sampling
    yield from _above(
        f"{where}: sampling", 0, cadence_s=sampling.cadence_s, timeout_s=sampling.timeout_s
    )
    yield from _above(where, 0, limit_s=plan.limit_s)


def _fault(where: str, fault: FaultSpec) -> Iterator[Problem]:
    if isinstance(fault.start, AtConnection):
        yield from _above(f"{where}.start", 0, n=fault.start.n)
    match fault:
        case Severed():
            yield from _one_of(where, "mode", fault.mode, get_args(SeveredMode))
        case Flapping():
            yield from _one_of(where, "mode", fault.mode, get_args(SeveredMode))
            yield from _above(where, 0, period_s=fault.period_s, duty=fault.duty)
            if fault.duty >= 1:
                yield _wrong(where, "duty", fault.duty, "below 1", "use Severed instead")
        case Slow():
            for stream in fault.streams:
                yield from _one_of(where, "streams", stream, get_args(Stream))
            yield from _above(where, 0, latency_s=fault.latency_s)
            if not 0 <= fault.jitter_s <= fault.latency_s:
                yield _wrong(where, "jitter_s", fault.jitter_s, "0 to latency_s")
        case Throttled():
            for stream in fault.streams:
                yield from _one_of(where, "streams", stream, get_args(Stream))
            yield from _above(where, 0, rate_kb_per_s=fault.rate_kb_per_s)
        case CutMidstream():
            yield from _one_of(where, "stream", fault.stream, get_args(Stream))
            yield from _above(where, 0, after_bytes=fault.after_bytes)
        case OneWay():
            yield from _one_of(where, "stream", fault.stream, get_args(Stream))


def _moments(plan: Plan) -> Iterator[tuple[str, AtMoment | None]]:
    for i, fault in enumerate(plan.faults):
        yield f"faults[{i}].start", fault.start if isinstance(fault.start, AtMoment) else None
        yield f"faults[{i}].stop", fault.stop
    for i, boot in enumerate(plan.boots):
        yield f"boots[{i}].at", boot.at
    for i, load in enumerate(plan.load):
        yield f"load[{i}].start", load.start
        yield f"load[{i}].stop", load.stop
    yield "sampling.quiet_from", plan.sampling.quiet_from
    yield "sampling.quiet_until", plan.sampling.quiet_until


def _moment(
    where: str, moment: AtMoment | None, plan: Plan, topology: Topology
) -> Iterator[Problem]:
    if moment is None:
        return
    yield from _one_of(where, "moment", moment.moment, get_args(Moment))
    if moment.of and moment.moment in ("in_force", "healed"):
        yield from _one_of(where, "fault", moment.of, tuple(f.label for f in plan.faults))
    elif moment.of:
        yield from _one_of(where, "app", moment.of, tuple(topology.apps))
    yield from _above(where, 0, nth=moment.nth)
    if moment.after_s < 0:
        yield _wrong(where, "after_s", moment.after_s, "0 or more")


def _expectation(where: str, e: Expectation, plan: Plan, topology: Topology) -> Iterator[Problem]:
    within_s = getattr(e, "within_s", None)
    if within_s is not None:
        yield from _above(where, 0, within_s=within_s)
    if isinstance(e, Degrades | FailsFast):
        if isinstance(e.naming, str):
            mend = f"write ({e.naming!r},)"
            yield _wrong(where, "naming", e.naming, "a tuple of names", mend)
        elif not e.naming:
            yield _wrong(where, "naming", e.naming, "what the app must name")
    if isinstance(e, Degrades) and not plan.faults:
        yield Problem(where=where, what="'degrades' needs a fault, and the plan has none")
    if isinstance(e, KeepsAcknowledged):
        yield from _above(where, 0, at_least=e.at_least)
    if isinstance(e, Recovers):
        for fault in plan.faults:
            if fault.stop is None and not isinstance(fault, Restarted):
                what = f"'recovers' needs every fault healed, and {fault.label} is kept to the end"
                yield Problem(where=where, what=what, mend="give it a stop=")
    boot = getattr(e, "boot", 1)
    only = next(iter(topology.apps))
    boots = sum((b.app or only) == (e.app or only) for b in plan.boots)
    if not 1 <= boot <= boots:
        yield _wrong(where, "boot", boot, f"1 to {boots}, the boots that the plan has of the app")


def _above(where: str, bound: float, **values: float) -> Iterator[Problem]:
    for name, value in values.items():
        if not value > bound:
            yield _wrong(where, name, value, f"more than {bound}")


def _one_of(where: str, name: str, value: str, known: tuple[str, ...]) -> Iterator[Problem]:
    if value not in known:
        expected = "one of: " + ", ".join(known)
        yield _wrong(where, name, value, expected, did_you_mean(value, known))


def _wrong(where: str, name: str, value: object, expected: str, mend: str = "") -> Problem:
    return Problem(where=where, what=f"{name} is {value!r}", expected=expected, mend=mend)

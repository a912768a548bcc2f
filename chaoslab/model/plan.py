"""The plan of a scenario: its faults with targets and triggers, and its expectations with bounds.

The plan is plain data and is saved before the run. A verdict needs only topology, plan and history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from chaoslab.errors import UNKNOWN_NAME, Problem, SpecError, did_you_mean
from chaoslab.model.expectation import Expected
from chaoslab.model.faults import Declared
from chaoslab.model.limits import longest_s
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan_values import value_problems
from chaoslab.model.steps import Probe, Step
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App, Deadlines, Topology
from chaoslab.model.values import names_taken, no_requests, no_writes
from chaoslab.model.when import AtConnection, AtMoment, Trigger, bounded

GRACE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One start of an app. `at=None` means at once. A later boot of the same app replaces the one
    before it (SIGTERM, then a new process). `env` overrides variables of the topology.

    `supervisor` is what starts the app again if its process ends. None means that of the topology;
    `Supervisor(restart="never")` does not start it again. `restarts=2` is short for
    `supervisor=Supervisor(at_most=2, backoff_s=0)`, and is 0 in a resolved plan.

    `stop` is when a platform would stop the boot, as in a deployment: the lab sends SIGTERM, and
    SIGKILL if the process still runs `grace_s` seconds later. The load goes on meanwhile. If `stop`
    is None, the boot is stopped at the end of the run. Source of the 10 s: `docker stop`, and the
    container contract of Cloud Run. Kubernetes waits for 30 s by default
    (terminationGracePeriodSeconds).
    """

    app: str = ""
    at: AtMoment | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    restarts: int = 0
    supervisor: Supervisor | None = None
    stop: AtMoment | None = None
    grace_s: float = GRACE_S

    def supervisor_of(self, app: App) -> Supervisor | None:
        """The supervisor of this boot of the app: its own, or else that of the topology."""
        if self.restarts:
            return Supervisor(at_most=self.restarts, backoff_s=0)
        return self.supervisor or app.supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a run does, and what it is judged by.

    After `limit_s` seconds the run ends in any case. If `limit_s` is None, `resolve` sets it to the
    sum of all times that the plan may wait. If the lab itself is ever late by more than `max_lag_s`
    seconds, its times are unreliable, and every verdict that needs them is UNKNOWN.
    """

    name: str = ""
    boots: tuple[Boot, ...] = (Boot(),)
    faults: tuple[Declared, ...] = ()
    load: tuple[Load, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    steps: tuple[Step, ...] = ()
    probes: tuple[Probe, ...] = ()
    expect: tuple[Expected, ...] = ()
    limit_s: float | None = None
    max_lag_s: float = 0.5

    def fault(self, label: str) -> Declared | None:
        """The declared fault of that label, or None."""
        return next((fault for fault in self.faults if fault.label == label), None)

    @property
    def moments(self) -> Iterator[tuple[str, AtMoment]]:
        """Each moment that the plan waits for, after its place, as in `faults[0].stop`."""
        sampling = self.sampling
        places: list[tuple[str, Trigger | None]] = []
        for i, fault in enumerate(self.faults):
            places += [(f"faults[{i}].start", fault.start), (f"faults[{i}].stop", fault.stop)]
        for i, boot in enumerate(self.boots):
            places += [(f"boots[{i}].at", boot.at), (f"boots[{i}].stop", boot.stop)]
        for i, load in enumerate(self.load):
            places += [(f"load[{i}].start", load.start), (f"load[{i}].stop", load.stop)]
        places += [(f"steps[{i}].at", step.at) for i, step in enumerate(self.steps)]
        places += [("sampling.quiet_from", sampling.quiet_from)]
        places += [("sampling.quiet_until", sampling.quiet_until)]
        for place, moment in places:
            if isinstance(moment, AtMoment):
                yield place, moment


def supervisor_of(app: str, plan: Plan) -> Supervisor | None:
    """The supervisor that an app has in a resolved plan. None if it has none."""
    each = (boot.supervisor for boot in plan.boots if boot.app == app)
    return next((supervisor for supervisor in each if supervisor is not None), None)


def resolve(plan: Plan, topology: Topology) -> Plan:
    """The plan with every name and bound written out, ready to be saved and judged.

    Raises SpecError with every unknown name and every value that is not allowed.
    """
    where = f"plan {plan.name or '(unnamed)'}"
    problems = [*_problems(plan, topology, where), *value_problems(plan, topology, where)]
    if problems:
        raise SpecError(problems)
    return written_out(plan, topology)


def written_out(plan: Plan, topology: Topology) -> Plan:
    """The plan with every name and bound written out. For a saved plan: its values are not checked,
    because an older version may have allowed them.

    Raises SpecError with every unknown name.
    """
    if problems := list(_problems(plan, topology, f"plan {plan.name or '(unnamed)'}")):
        raise SpecError(problems)
    only = next(iter(topology.apps))
    labels = tuple(fault.label for fault in plan.faults)
    slowest = _slowest(topology.apps.values())
    steps_s = {step.label: step.longest_s for step in plan.steps}

    def by(moment: AtMoment) -> AtMoment:
        return bounded(moment, slowest, steps_s)

    def at(moment: AtMoment | None) -> AtMoment | None:
        return moment and by(moment)

    resolved = replace(
        plan,
        boots=tuple(
            replace(_with_app(b, topology.apps[b.app or only]), at=at(b.at), stop=at(b.stop))
            for b in plan.boots
        ),
        faults=tuple(_named(fault, by) for fault in plan.faults),
        load=tuple(
            replace(
                _of_request(each, topology.apps[each.app or only]),
                start=by(each.start),
                stop=at(each.stop),
            )
            for each in plan.load
        ),
        sampling=replace(
            plan.sampling,
            quiet_from=at(plan.sampling.quiet_from),
            quiet_until=at(plan.sampling.quiet_until),
        ),
        steps=tuple(step.resolved(by) for step in plan.steps),
        probes=tuple(probe.resolved(only) for probe in plan.probes),
        expect=tuple(
            e.with_faults(labels).resolved(topology.apps[e.app or only]) for e in plan.expect
        ),
    )
    if plan.limit_s is not None:
        return resolved
    return replace(resolved, limit_s=longest_s(resolved, topology))


def _with_app(boot: Boot, app: App) -> Boot:
    """The boot with the name of its app, and with the supervisor that it has in the run."""
    return replace(boot, app=app.name, restarts=0, supervisor=boot.supervisor_of(app))


def _named(fault: Declared, by: Callable[[AtMoment], AtMoment]) -> Declared:
    fault = fault.resolved()
    start, stop = fault.start, fault.stop
    if isinstance(start, AtMoment):
        start = by(start)
    return replace(fault, name=fault.label, start=start, stop=stop and by(stop))


def _of_request(load: Load, app: App) -> Load:
    """The load with the names of its app and its request, and the request's rate and limit."""
    contract = app.requests.get(load.request, app.first_request)
    assert contract is not None, "a load of an app without requests is a problem of the plan"
    return replace(load.of(contract), app=app.name)


def _slowest(apps: Iterable[App]) -> Deadlines:
    each = [app.deadlines for app in apps]
    return Deadlines(
        startup_s=max(d.startup_s for d in each),
        fail_fast_s=max(d.fail_fast_s for d in each),
        degraded_s=max(d.degraded_s for d in each),
        recovery_s=max(d.recovery_s for d in each),
        stable_s=max(d.stable_s for d in each),
    )


def _problems(plan: Plan, topology: Topology, where: str) -> Iterator[Problem]:
    labels = [fault.label for fault in plan.faults]
    for i, fault in enumerate(plan.faults):
        yield from _fault_problems(f"{where}: faults[{i}]", fault, topology)
    yield from names_taken(where, "faults", labels)
    apps = [("boots", boot.app) for boot in plan.boots]
    apps += [("load", load.app) for load in plan.load] + [("expect", e.app) for e in plan.expect]
    apps += [("probes", probe.http.app) for probe in plan.probes if probe.http]
    for place, app in apps:
        yield from _unknown(f"{where}: {place}", "app", app, topology.apps)
    for i, e in enumerate(plan.expect):
        for name in (*(e.rests_on or ()), *e.named_faults):
            yield from _unknown(f"{where}: expect[{i}]", "fault", name, labels)
        judged = topology.apps.get(e.app or next(iter(topology.apps)))
        if e.needs_writes and judged is not None and judged.write is None:
            yield no_writes(f"{where}: expect[{i}]", e.kind, judged.name)
    for i, load in enumerate(plan.load):
        loaded = topology.apps.get(load.app or next(iter(topology.apps)))
        if loaded is None:
            continue
        if not loaded.requests:
            yield no_requests(f"{where}: load[{i}]", "load", loaded.name)
        else:
            yield from _unknown(f"{where}: load[{i}]", "request", load.request, loaded.requests)


def _fault_problems(where: str, fault: Declared, topology: Topology) -> Iterator[Problem]:
    if fault.targets_service:
        yield from _unknown(where, "service", fault.target, topology.services)
    else:
        yield from _unknown(where, "target", fault.target, topology.targets)
    if isinstance(fault.start, AtConnection):
        links = [link.name for link in topology.links]
        yield from _unknown(f"{where}.start", "link", fault.start.link, links)


def _unknown(
    where: str, kind: str, name: str, known: Mapping[str, object] | list[str] | tuple[str, ...]
) -> Iterator[Problem]:
    if name and name not in known:
        yield Problem(
            reason=UNKNOWN_NAME(kind=kind, name=name),
            where=where,
            expected="one of: " + ", ".join(known),
            fix=did_you_mean(name, known),
        )

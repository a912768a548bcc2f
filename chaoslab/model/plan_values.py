"""Finds problems with the values of a plan, other than unknown names. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, get_args

from chaoslab.errors import ErrorCode, Problem
from chaoslab.model.expectation import Place
from chaoslab.model.faults import Declared
from chaoslab.model.placeholders import known_to_app, placeholder_problems
from chaoslab.model.steps import probe_problems, step_problems
from chaoslab.model.supervisor import supervisor_problems
from chaoslab.model.values import above, names_taken, one_of, wrong
from chaoslab.model.when import OF_FAULTS, AtConnection, AtMoment, Moment

if TYPE_CHECKING:
    from chaoslab.model.plan import Boot, Plan
    from chaoslab.model.topology import Topology

MOST_RESTARTS = 10
TWO_SUPERVISORS = ErrorCode(
    "plan.two_supervisors",
    "'{app}' is restarted both by a supervisor and by the plan",
    "An app has a supervisor that restarts it, and more than one boot in the plan.",
)
RESTARTS_TWICE = ErrorCode(
    "plan.restarts_twice",
    "restarts is {restarts}, and there is a supervisor as well",
    "A boot has both restarts= and supervisor=, of which restarts= is the short form.",
)
NOT_AT_A_CONNECTION = ErrorCode(
    "plan.not_at_a_connection",
    "a {kind} fault cannot start at a connection",
    "A fault has a connection as its start, and the proxy engine cannot inject that kind of "
    "fault by itself.",
)
START_AT_A_MOMENT = (
    "start it at a moment, for example when.started(), or use Severed, Slow, ... instead"
)


def value_problems(plan: Plan, topology: Topology, where: str) -> Iterator[Problem]:
    """A problem for every value of the plan that makes it impossible to run or to judge
    the plan.
    """
    for i, fault in enumerate(plan.faults):
        yield from _fault(f"{where}: faults[{i}]", fault)
    for place, moment in plan.moments:
        yield from _moment(f"{where}: {place}", moment, plan, topology)
    for i, e in enumerate(plan.expect):
        yield from e.problems(Place(where=f"{where}: expect[{i}]", plan=plan, topology=topology))
    for i, load in enumerate(plan.load):
        limits = {"rate_per_s": load.rate_per_s, "timeout_s": load.timeout_s}
        declared = {name: value for name, value in limits.items() if value is not None}
        yield from above(f"{where}: load[{i}]", 0, **declared)
    sampling = plan.sampling
    yield from above(
        f"{where}: sampling",
        0,
        cadence_s=sampling.cadence_s,
        fast_s=sampling.fast_s,
        timeout_s=sampling.timeout_s,
        prober_cadence_s=sampling.prober_cadence_s,
    )
    yield from above(where, 0, max_lag_s=plan.max_lag_s)
    yield from step_problems(where, plan.steps)
    yield from names_taken(where, "steps", [step.label for step in plan.steps])
    yield from probe_problems(where, plan.probes)
    yield from names_taken(where, "probes", [probe.name for probe in plan.probes])
    for i, boot in enumerate(plan.boots):
        yield from _env(f"{where}: boots[{i}].env", boot, topology)
        yield from _supervisor(f"{where}: boots[{i}]", boot, plan, topology)
        if not 0 < boot.grace_s < inf:
            expected = "a number of seconds above 0"
            yield wrong(f"{where}: boots[{i}]", "grace_s", boot.grace_s, expected)
    if plan.limit_s is not None and not 0 < plan.limit_s < inf:
        fix = "remove it: the default follows from the plan's own limits"
        yield wrong(where, "limit_s", plan.limit_s, "a number of seconds above 0", fix)


def _env(where: str, boot: Boot, topology: Topology) -> Iterator[Problem]:
    app = topology.apps.get(boot.app or next(iter(topology.apps)))
    if app is None:
        return
    known = known_to_app(topology.fields_of_links(app), app.port_names)
    for key, text in boot.env.items():
        yield from placeholder_problems(f"{where}.{key}", text, known)


def _supervisor(where: str, boot: Boot, plan: Plan, topology: Topology) -> Iterator[Problem]:
    """The problems with a boot's `restarts` and `supervisor`. Either a supervisor or the plan may
    start an app again, but not both.
    """
    if not 0 <= boot.restarts <= MOST_RESTARTS:
        yield wrong(where, "restarts", boot.restarts, f"0 to {MOST_RESTARTS}")
    if boot.restarts and boot.supervisor:
        fix = "remove restarts=, and give the supervisor at_most="
        yield Problem(reason=RESTARTS_TWICE(restarts=boot.restarts), where=where, fix=fix)
    only = next(iter(topology.apps))
    app = topology.apps.get(boot.app or only)
    if app is None:
        return  # reported as an unknown name
    if boot.supervisor is not None:
        yield from supervisor_problems(f"{where}.supervisor", boot.supervisor, app)
    several = sum((b.app or only) == app.name for b in plan.boots) > 1
    supervisor = boot.supervisor_of(app)
    if several and supervisor is not None and supervisor.most_restarts:
        fix = 'give each boot supervisor=Supervisor(restart="never"), or plan one boot of this app'
        yield Problem(reason=TWO_SUPERVISORS(app=app.name), where=where, fix=fix)


def _fault(where: str, fault: Declared) -> Iterator[Problem]:
    if isinstance(fault.start, AtConnection):
        yield from above(f"{where}.start", 0, n=fault.start.n)
        if not fault.starts_at_connection:
            reason = NOT_AT_A_CONNECTION(kind=fault.kind)
            yield Problem(reason=reason, where=f"{where}.start", fix=START_AT_A_MOMENT)
    yield from fault.problems(where)


def _moment(where: str, moment: AtMoment, plan: Plan, topology: Topology) -> Iterator[Problem]:
    yield from one_of(where, "moment", moment.moment, get_args(Moment))
    if moment.of and moment.moment in OF_FAULTS:
        yield from one_of(where, "fault", moment.of, tuple(f.label for f in plan.faults))
    elif moment.of and moment.moment == "done":
        yield from one_of(where, "step", moment.of, tuple(step.label for step in plan.steps))
    elif moment.of:
        yield from one_of(where, "app", moment.of, tuple(topology.apps))
    yield from above(where, 0, nth=moment.nth)
    if moment.within_s is not None:
        yield from above(where, 0, within_s=moment.within_s)
    if moment.after_s < 0:
        yield wrong(where, "after_s", moment.after_s, "0 or more")

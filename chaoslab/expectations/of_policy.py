"""Which claims follow from what the topology says that an app does without a service. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError
from chaoslab.expectations.answers_requests import AnswersRequests
from chaoslab.expectations.base import Expectation
from chaoslab.expectations.comes_back import ComesBack
from chaoslab.expectations.degrades import Degrades
from chaoslab.expectations.exits import Exits
from chaoslab.expectations.honest_health import HonestHealth
from chaoslab.expectations.keeps_acknowledged import KeepsAcknowledged
from chaoslab.expectations.restarts_slowly import RestartsSlowly
from chaoslab.expectations.starts import Starts
from chaoslab.expectations.unaffected import Unaffected
from chaoslab.expectations.unavailable import Unavailable
from chaoslab.expectations.waits import Waits
from chaoslab.model.policy import OutageMode, Policies, Policy, PolicyMoment
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import App, Topology

Claims = Iterator[Expectation]
FEW = 3  # a fault may be short: so many requests show that they are answered
# Restarts in 10 s. Waits that double from Docker's 0.1 s allow at most 7; without a growing wait an
# app that exits at once is restarted dozens of times.
STORM = 10

NO_POLICY = ErrorCode(
    "policy.none_declared",
    "[apps.{app}.policies] has no policy for {service}, {moment}",
    "A scenario asks for the policy of a link and a moment that the topology does not declare.",
)
BY_MODE = ErrorCode(
    "policy.mode_required",
    "the policy of {app} for {service}, {moment}, depends on the mode: {policies}",
    "The topology has several policies for that link and moment, and the scenario names no mode.",
)


def expected(
    topology: Topology,
    service: str,
    moment: PolicyMoment,
    mode: OutageMode | None = None,
    *,
    app: str = "",
    fault: str = "",
) -> tuple[Expectation, ...]:
    """The claims on an app while one of its services is missing: those that hold under any policy,
    and those of the policy that the topology declares for that link and moment.

    `mode` may be left out if the policy does not depend on it, and `app` if the topology has only
    one. `fault` is the label of the fault; empty means the plan's first one. Raises SpecError if
    the app is unknown, if no policy is declared, or if it depends on the mode and `mode` is None.
    """
    name = app or next(iter(topology.apps))
    if name not in topology.apps:
        reason, known = UNKNOWN_NAME(kind="app", name=name), ", ".join(topology.apps)
        raise SpecError([Problem(reason=reason, expected=f"one of: {known}")])
    mine = topology.apps[name]
    own = of_policy(_declared(mine, service, moment, mode), mine, moment, fault)
    return (*under_any_policy(mine), *own)


def under_any_policy(app: App) -> tuple[Expectation, ...]:
    """The claims whose failure is wrong whatever the app is to do without the service: it comes
    back after the heal, its health is honest, it keeps what it acknowledged, and its supervisor
    does not restart it again and again at once.
    """
    return (*honest_and_back(app), *no_restart_storm(app, app.supervisor))


def honest_and_back(
    app: App, *, back_s: float | None = None, notices_s: float | None = None
) -> tuple[Expectation, ...]:
    """Those of the claims under any policy that hold whoever starts the app again: it comes back
    within `back_s` of the heal, health is honest within `notices_s`, acknowledged writes are kept.
    None stands for the deadlines of the topology.
    """
    return tuple(_honest_and_back(app, back_s, notices_s))


def no_restart_storm(app: App, supervisor: Supervisor | None) -> tuple[Expectation, ...]:
    """The claim that `supervisor` does not restart the app again and again at once. Empty if it may
    not restart the app that often.
    """
    if supervisor is None or supervisor.most_restarts <= STORM:
        return ()
    return (RestartsSlowly(app=app.name, at_most=STORM),)


def of_policy(
    policy: Policy, app: App, moment: PolicyMoment, fault: str = ""
) -> tuple[Expectation, ...]:
    """The claims of one policy, on the time in which the fault is in force. The return after the
    heal is no matter of the policy.
    """
    return tuple(_OF_POLICY[policy](app, moment, fault))


def _declared(app: App, service: str, moment: PolicyMoment, mode: OutageMode | None) -> Policy:
    policies = app.policies.get(service, Policies())
    by_mode = policies.boot if moment == "boot" else policies.running
    found = {policies.of(moment, mode)} if mode else {*by_mode.values()}
    given = {"app": app.name, "service": service, "moment": moment}
    where = f"apps.{app.name}.policies.{service}"
    if len(found) > 1:
        each = ", ".join(f"{name} {policy}" for name, policy in by_mode.items())
        fix = "name the mode, as in mode='refused'"
        raise SpecError([Problem(where=where, reason=BY_MODE(**given, policies=each), fix=fix)])
    for policy in found:
        if policy is not None:
            return policy
    fix = f'declare it in [{where}], as in {moment} = "degrade"'
    raise SpecError([Problem(where=where, reason=NO_POLICY(**given), fix=fix)])


def _honest_and_back(app: App, back_s: float | None, notices_s: float | None) -> Claims:
    yield ComesBack(app=app.name, within_s=back_s)
    if app.requests:
        yield HonestHealth(app=app.name, within_s=notices_s)
    if app.write is not None:
        yield KeepsAcknowledged(app=app.name)


def _degrade(app: App, moment: PolicyMoment, fault: str) -> Claims:
    if moment == "boot":
        yield Starts(app=app.name, mode="degraded")
    yield Degrades(app=app.name, fault=fault)


def _unavailable(app: App, _moment: PolicyMoment, fault: str) -> Claims:
    yield Unavailable(app=app.name, fault=fault)
    for request in app.requests.values():
        limit_s = request.timeout_s
        yield AnswersRequests(app=app.name, request=request.name, within_s=limit_s, at_least=FEW)


def _one(kind: Callable[..., Expectation], app: App, _moment: PolicyMoment, fault: str) -> Claims:
    yield kind(app=app.name, fault=fault)


_OF_POLICY: Mapping[Policy, Callable[[App, PolicyMoment, str], Claims]] = {
    "degrade": _degrade,
    "unavailable": _unavailable,
    "wait": partial(_one, Waits),
    "exit": partial(_one, Exits),
    "unaffected": partial(_one, Unaffected),
}

"""The self-test: disable one fault of a plan while proxy and service still report it as in force.

A run with a disabled fault proves nothing about the app, so its verdict must be UNKNOWN. PASS or
FAIL would mean that the lab does not check its own injections. `chaoslab gate --self-test` runs it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean
from chaoslab.faults.base import Fault, MutationKind
from chaoslab.model.actions import Action, AddToxic, ConnectPhase
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology

MUTATIONS: tuple[MutationKind, ...] = get_args(MutationKind)
CANARY_SUFFIX = ".canary"

NO_FAULT = ErrorCode(
    "mutation.no_fault", "no fault in '{text}'", "The mutation does not name the fault to disable."
)
NOT_IN_PLAN = ErrorCode(
    "mutation.not_in_plan",
    "the plan {plan} has no fault '{fault}'",
    "The fault to disable is not in the plan of this run.",
)
UNSUPPORTED = ErrorCode(
    "mutation.unsupported",
    "a fault of kind '{kind}' cannot be disabled by '{mutation}'",
    "The kind of the fault does not support this way to disable it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One fault, by its label, and how it is disabled. `links` are the links that the fault acts
    on; `aimed` fills them in.

    `inert`: the proxy or the service reports the fault, and does nothing. `bypassed`: the fault is
    in force on the proxy, and the app connects past the proxy. `inert-to-app`: the app's proxy does
    nothing, and canaries use a second proxy, on which the fault is in force.
    """

    kind: MutationKind
    fault: str
    links: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}:{self.fault}"

    def bypasses(self, link: str) -> bool:
        """Whether the app gets the service's own address for that link, and so uses no proxy."""
        return self.kind == "bypassed" and link in self.links

    def twin_of(self, link: str) -> str | None:
        """The name of the second proxy that canaries use for that link; None if they use the link's
        own proxy.
        """
        mine = self.kind == "inert-to-app" and link in self.links
        return link + CANARY_SUFFIX if mine else None

    def acted(self, fault: Fault, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        """The actions to apply instead of the fault's own `actions`: inert ones on the app's proxy,
        and real ones on a second proxy if canaries use one. Unchanged for another fault, and for
        `bypassed`.
        """
        if fault.label != self.fault or self.kind == "bypassed":
            return actions
        real = [(self.twin_of(action.proxy), action) for action in actions]
        beside = (replace(action, proxy=twin) for twin, action in real if twin is not None)
        return (*(_inert(action) for action in actions), *beside)


def read_mutation(text: str) -> Mutation:
    """The mutation that the text `MUTATION:FAULT` names, as in `inert:severed:vpc`. The fault is
    named as in plan.json.

    Raises SpecError for an unknown mutation, or if the text names no fault.
    """
    kind, colon, fault = text.partition(":")
    for known in MUTATIONS:
        if kind == known and fault:
            return Mutation(kind=known, fault=fault)
    unknown = UNKNOWN_NAME(kind="mutation", name=kind)
    reason = unknown if colon and fault else NO_FAULT(text=text)
    expected = "MUTATION:FAULT, where MUTATION is one of: " + ", ".join(MUTATIONS)
    fix = did_you_mean(kind, MUTATIONS)
    raise SpecError(Problem(where="--chaos-disable", reason=reason, expected=expected, fix=fix))


def mutations_of(fault: Declared) -> tuple[MutationKind, ...]:
    """The ways in which a fault can be disabled; none if its kind is not installed."""
    return fault.mutations if isinstance(fault, Fault) else ()


def aimed(mutation: Mutation, plan: Plan, topology: Topology) -> Mutation:
    """The mutation, with `links` filled in: the links of its fault.

    Raises SpecError if the plan has no such fault, or if that fault cannot be disabled in that way.
    """
    fault, where = plan.fault(mutation.fault), f"--chaos-disable {mutation}"
    if fault is None:
        labels = [each.label for each in plan.faults]
        problem = Problem(
            where=where,
            reason=NOT_IN_PLAN(plan=plan.name, fault=mutation.fault),
            expected="one of: " + ", ".join(labels) if labels else "",
            fix=did_you_mean(mutation.fault, labels),
        )
        raise SpecError(problem)
    if mutation.kind not in (known := mutations_of(fault)):
        reason = UNSUPPORTED(kind=fault.kind, mutation=mutation.kind)
        fix = " or ".join(f"{kind}:{fault.label}" for kind in known)
        raise SpecError(Problem(where=where, reason=reason, fix=fix and f"use {fix}"))
    return replace(mutation, links=tuple(link.name for link in topology.links_of(fault.target)))


def _inert(action: Action) -> Action:
    if isinstance(action, AddToxic | ConnectPhase):
        return replace(action, inert=True)
    raise AssertionError(f"no fault asks the embedded engine for {action}")

"""The lab mutates itself: one fault of a plan is disabled, and nobody who asks is told.

A run with a disabled fault proves nothing about the app, so it must end UNKNOWN. A lab that says
PASS or FAIL of it believes its own injections; `chaoslab gate --self-test` looks for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from chaoslab.errors import Problem, SpecError, did_you_mean
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.actions import Action, AddToxic, ConnectPhase
from chaoslab.model.faults import FaultSpec, Killed, Paused, Restarted, Stopped
from chaoslab.model.plan import Plan
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Service, Topology
from chaoslab.runtimes.base import RunningService

MutationKind = Literal["inert", "bypassed", "inert-to-app"]
KINDS: tuple[MutationKind, ...] = get_args(MutationKind)
CANARY_SUFFIX = ".canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One fault, by its label, and how it is disabled. `links` are its target's, once aimed.

    `inert`: proxy or service accept it and show it, and nothing happens. `bypassed`: it is real, a
    canary meets it, and the app goes past the proxy. `inert-to-app`: the app goes through a proxy
    that is inert, and canaries through one beside it that is not.
    """

    kind: MutationKind
    fault: str
    links: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}:{self.fault}"

    def bypasses(self, link: str) -> bool:
        """Whether the app is given the service's own address for that link."""
        return self.kind == "bypassed" and link in self.links

    def twin_of(self, link: str) -> str | None:
        """The name of the proxy that canaries use in place of the link's own; None for its own."""
        mine = self.kind == "inert-to-app" and link in self.links
        return link + CANARY_SUFFIX if mine else None

    def acted(self, spec: FaultSpec, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        """What is asked of the proxies in place of a fault's own `actions`."""
        if spec.label != self.fault or self.kind == "bypassed":
            return actions
        real = [(self.twin_of(action.proxy), action) for action in actions]
        beside = (replace(action, proxy=twin) for twin, action in real if twin is not None)
        return (*(_inert(action) for action in actions), *beside)

    def served(
        self, spec: FaultSpec, services: Mapping[str, RunningService]
    ) -> Mapping[str, RunningService]:
        """The services that a fault acts on: its own target may be one that nothing happens to."""
        if spec.label != self.fault or self.kind != "inert":
            return services
        return {**services, spec.target: InertService(services[spec.target])}


def read_mutation(text: str) -> Mutation:
    """`KIND:FAULT`, the fault as in plan.json: `inert:severed:vpc`. Raises SpecError."""
    kind, colon, fault = text.partition(":")
    for known in KINDS:
        if kind == known and fault:
            return Mutation(kind=known, fault=fault)
    wrong = f"unknown mutation '{kind}'" if colon and fault else f"no fault in '{text}'"
    expected = "MUTATION:FAULT, where MUTATION is one of: " + ", ".join(KINDS)
    fix = did_you_mean(kind, KINDS)
    raise SpecError([Problem(where="--chaos-disable", what=wrong, expected=expected, fix=fix)])


def mutations_of(fault: FaultSpec) -> tuple[MutationKind, ...]:
    """How a fault can be disabled: a service that is really gone is gone behind every path."""
    if isinstance(fault, Stopped | Killed | Paused | Restarted):
        return ("inert",)
    return KINDS


def aimed(mutation: Mutation, plan: Plan, topology: Topology) -> Mutation:
    """The mutation with the links of its fault. Raises SpecError where the plan has no such fault,
    or where it cannot be disabled in that way.
    """
    fault, where = plan.fault(mutation.fault), f"--chaos-disable {mutation}"
    if fault is None:
        labels = [each.label for each in plan.faults]
        problem = Problem(
            where=where,
            what=f"the plan {plan.name} has no fault '{mutation.fault}'",
            expected="one of: " + ", ".join(labels) if labels else "",
            fix=did_you_mean(mutation.fault, labels),
        )
        raise SpecError([problem])
    if mutation.kind not in mutations_of(fault):
        what = f"a fault of a service cannot be {mutation.kind}: the app meets it on every path"
        raise SpecError([Problem(where=where, what=what, fix=f"use inert:{fault.label}")])
    return replace(mutation, links=tuple(link.name for link in topology.links_of(fault.target)))


def _inert(action: Action) -> Action:
    if isinstance(action, AddToxic | ConnectPhase):
        return replace(action, inert=True)
    raise AssertionError(f"the embedded engine is never asked for {action}")


class InertService:
    """A running service that says of every act that it is done, and does none of them."""

    def __init__(self, real: RunningService) -> None:
        self._real = real

    @property
    def service(self) -> Service:
        return self._real.service

    @property
    def endpoint(self) -> Endpoint:
        return self._real.endpoint

    @property
    def upstream(self) -> Endpoint:
        return self._real.upstream

    @property
    def version(self) -> str:
        return self._real.version

    def url(self, endpoint: Endpoint) -> str:
        return self._real.url(endpoint)

    async def ask(self, *, within_s: float) -> Sighting:
        return await self._real.ask(within_s=within_s)

    async def stop(self) -> None:
        """Says that it is done."""

    kill = start = pause = resume = stop

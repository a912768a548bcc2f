"""What the faults of a run act on: the proxies of its links, its services and its journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chaoslab.errors import ErrorCode, InjectionFailed, Problem
from chaoslab.faults.mutation import Mutation
from chaoslab.history.events import CanaryProbe
from chaoslab.history.journal import Journal
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.faults import Declared
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Link, Topology
from chaoslab.proxies.base import ProxyControl
from chaoslab.runtimes.base import RunningService, Runtime
from chaoslab.services import question_of

INSIDE = ".inside"  # after the name of a link: its proxy for a person who looks inside
NOT_IN_FORCE = ErrorCode(
    "injection.not_in_force",
    "{fault} is not in force on {place}: a canary observed '{outcome}' after {took_s:.3f} s",
    "What a canary observed after the injection is not what the fault causes.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What faults act on: the proxies of the links, the services, and the journal of the run.

    `addresses` maps a link to the address at which its app reaches it. `canary_addresses` maps a
    link to the address of a second proxy, which canaries use in some self-tests. `connect_held_by`
    maps a proxy to the fault that controls its new connections now; only one fault can. `inside`
    maps a link to the address of one more proxy, for a person who looks inside: faults act on it as
    on the link's own, and nothing that it counts is evidence about the app.
    """

    topology: Topology
    runtime: Runtime
    control: ProxyControl
    services: Mapping[str, RunningService]
    addresses: Mapping[str, Endpoint]
    journal: Journal
    seed: int
    connect_held_by: dict[str, str] = field(default_factory=dict)
    canary_addresses: Mapping[str, Endpoint] = field(default_factory=dict)
    disabled: Mutation | None = None
    inside: Mapping[str, Endpoint] = field(default_factory=dict)

    def proxies_of(self, link: Link) -> tuple[str, ...]:
        """The names of the proxies on which a fault on the link acts."""
        return (link.name, link.name + INSIDE) if link.name in self.inside else (link.name,)

    @property
    def joined(self) -> list[Link]:
        """The links with a proxy that this lab may use."""
        return [link for link in self.topology.links if link.name in self.addresses]

    def disables(self, fault: Declared) -> bool:
        """Whether the self-test disables `fault` in this run."""
        return self.disabled is not None and self.disabled.fault == fault.label

    async def canary(self, link: Link, *, within_s: float) -> Sighting | None:
        """Send a canary through one link, from the place where the link's app runs. Records and
        returns what the canary observed.

        Returns None if the lab cannot send a canary from there.
        """
        service, app = self.topology.services[link.service], self.topology.apps[link.app]
        address = self.canary_addresses.get(link.name, self.addresses[link.name])
        sighting = await self.runtime.ask(app, address, service, within_s=within_s)
        if sighting is None:
            return None
        sighting = replace(sighting, server_first=question_of(service).server_first)
        self.journal.append(
            CanaryProbe(
                at_s=self.journal.now(),
                link=link.name,
                outcome=sighting.outcome,
                took_s=sighting.took_s,
                client_port=sighting.client_port,
            )
        )
        return sighting


def not_in_force(
    fault: Declared, place: str, sighting: Sighting, service: str, expected: str = ""
) -> InjectionFailed:
    """The InjectionFailed to raise for a fault that a canary did not observe.

    `place` is the name of the link or service, `sighting` is what the canary observed instead.
    """
    observed = {"outcome": sighting.outcome, "took_s": sighting.took_s}
    fix = ""
    if sighting.outcome == "accepted":
        fix = (
            f"add question and answer to [services.{service}]: without a question a canary cannot"
            " observe silence or delay"
        )
    reason = NOT_IN_FORCE(fault=fault.label, place=place, **observed)
    return InjectionFailed(Problem(reason=reason, expected=expected, fix=fix))

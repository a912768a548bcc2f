"""What faults are put in force on: proxies, services, and the journal of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chaoslab.faults.mutation import Mutation
from chaoslab.history.events import CanaryProbe
from chaoslab.history.journal import Journal
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.faults import Declared
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import Link, Topology
from chaoslab.proxies.base import ProxyControl
from chaoslab.runtimes.base import RunningService, Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What faults act on: the proxies of the links, the services, and the journal they write to.

    `addresses` says where an app reaches each link, `canary_addresses` where canaries go instead.
    `connect_held_by` says which fault holds a proxy's connect phase: there is one for all clients.
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

    @property
    def joined(self) -> list[Link]:
        """The links with a proxy of this lab's: all, but where it may use only some."""
        return [link for link in self.topology.links if link.name in self.addresses]

    def disables(self, fault: Declared) -> bool:
        """Whether that fault is the one that is disabled."""
        return self.disabled is not None and self.disabled.fault == fault.label

    async def canary(self, link: Link, *, within_s: float) -> Sighting | None:
        """Try one link from where its app runs, and write down what was observed.

        None where the lab cannot send one from there.
        """
        service, app = self.topology.services[link.service], self.topology.apps[link.app]
        address = self.canary_addresses.get(link.name, self.addresses[link.name])
        sighting = await self.runtime.ask(app, address, service, within_s=within_s)
        if sighting is None:
            return None
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


def unasked(sighting: Sighting, service: str) -> str:
    """The fix where a canary had nothing to ask, and so could not observe silence or delay."""
    if sighting.outcome != "accepted":
        return ""
    return (
        f"; it had no question to ask: add question and answer to [services.{service}], so that"
        " silence and delay can be observed"
    )

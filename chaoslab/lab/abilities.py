"""Whether the services can do what a plan asks of them; asked before anything is started."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.errors import Problem, SpecError
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Link, Topology
from chaoslab.services import kind_of, kinds


def counted_links(plan: Plan, topology: Topology) -> Iterator[Link]:
    """The links at whose servers an expectation wants the clients counted."""
    for e in plan.expect:
        if "server_clients" in e.watches:
            named = getattr(e, "services", ())
            yield from (
                link
                for link in topology.links
                if link.app == e.app and (not named or link.service in named)
            )


def check_abilities(plan: Plan, topology: Topology) -> None:
    """Raise SpecError where a resolved plan needs what a service's kind cannot do."""
    unable = [
        link.service
        for link in counted_links(plan, topology)
        if kind_of(topology.services[link.service].kind).count_clients is None
    ]
    if unable:
        able = ", ".join(kind.name for kind in kinds().values() if kind.count_clients is not None)
        which = ", ".join(f"'{name}' is a {topology.services[name].kind}" for name in unable)
        problem = Problem(
            where=f"{plan.name}: expect",
            what=f"connections are counted at a server that does not show its clients: {which}",
            expected=f"services of a kind that does: {able}",
            fix="name those in services=(...) of ReleasesConnections, or leave it out",
        )
        raise SpecError([problem])

"""Checks, before anything starts, that the services support what a plan needs."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Link, Topology
from chaoslab.services import kind_of, kinds

NOT_COUNTABLE = ErrorCode(
    "plan.clients_not_countable",
    "the clients of {services} cannot be counted",
    "An expectation needs the number of clients, which a service of this kind does not report.",
)


def counted_links(plan: Plan, topology: Topology) -> Iterator[Link]:
    """Yield the links for which an expectation needs the number of clients at the server."""
    for e in plan.expect:
        if "server_clients" in e.watches:
            named = getattr(e, "services", ())
            yield from (
                link
                for link in topology.links
                if link.app == e.app and (not named or link.service in named)
            )


def check_abilities(plan: Plan, topology: Topology) -> None:
    """Raise SpecError if a resolved plan needs what a service's kind does not support."""
    unable = [
        link.service
        for link in counted_links(plan, topology)
        if kind_of(topology.services[link.service].kind).count_clients is None
    ]
    if unable:
        able = ", ".join(kind.name for kind in kinds().values() if kind.count_clients is not None)
        which = ", ".join(f"'{name}' is a {topology.services[name].kind}" for name in unable)
        raise SpecError(
            Problem(
                reason=NOT_COUNTABLE(services=unable),
                where=f"{plan.name}: expect",
                expected=f"services of one of these kinds: {able}",
                got=which,
                fix="name such services in services=(...) of ReleasesConnections, or remove it",
            )
        )

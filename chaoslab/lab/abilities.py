"""Checks, before anything starts, that the services support what a plan needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.model.expectation import Expected, Watch
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Link, Service, Topology
from chaoslab.services import kind_of, kinds
from chaoslab.services.base import Kind

NOT_COUNTABLE = ErrorCode(
    "plan.clients_not_countable",
    "the clients of {services} cannot be counted",
    "An expectation needs the number of clients, which a service of this kind does not report.",
)
NO_COMMANDS = ErrorCode(
    "plan.commands_not_countable",
    "the commands of {services} cannot be counted",
    "An expectation names a service whose server does not report how many commands it has carried "
    "out.",
)
MESSAGES_UNREADABLE = ErrorCode(
    "plan.messages_unreadable",
    "'{fault}' acts at a message, and the messages of {services} cannot be read",
    "A fault acts at a message of a service whose protocol the proxy engine does not read.",
)

_CLAIMS = {NOT_COUNTABLE: "ReleasesConnections", NO_COMMANDS: "BoundedCost"}


def read_links(plan: Plan, topology: Topology) -> Mapping[str, str]:
    """Maps each link on which a fault acts at a message to the protocol of its service, empty if
    the proxy engine does not read its messages.
    """
    faults = (fault for fault in plan.faults if fault.reads_messages)
    return {
        link.name: kind_of(topology.services[link.service].kind).messages
        for fault in faults
        for link in topology.links_of(fault.target)
    }


def counted_links(plan: Plan, topology: Topology) -> Iterator[Link]:
    """Yield the links for which an expectation needs the number of clients at the server."""
    for e in _watching("server_clients", plan):
        yield from _links(e, topology)


def costed_links(plan: Plan, topology: Topology) -> Iterator[Link]:
    """Yield the links on which an expectation needs to know what the app costs."""
    for e in _watching("cost", plan):
        yield from (link for link in topology.links if link.app == e.app)


def commanded_links(plan: Plan, topology: Topology) -> Iterator[Link]:
    """Yield the links for which an expectation needs the number of commands at the server: those to
    the services that it names. If it names none, those to every server that counts them.
    """
    for e in _watching("cost", plan):
        named = bool(getattr(e, "services", ()))
        yield from (
            link
            for link in _links(e, topology)
            if named or _counts_commands(kind_of(topology.services[link.service].kind))
        )


def check_abilities(plan: Plan, topology: Topology) -> None:
    """Raise SpecError if a resolved plan needs what a service's kind does not support."""
    where = f"{plan.name}: expect"
    clients, commands = counted_links(plan, topology), commanded_links(plan, topology)
    problems = [
        *_unable(where, _services(clients, topology), NOT_COUNTABLE, _counts_clients),
        *_unable(where, _services(commands, topology), NO_COMMANDS, _counts_commands),
        *_unread(plan, topology),
    ]
    if problems:
        raise SpecError(problems)


def _unread(plan: Plan, topology: Topology) -> Iterator[Problem]:
    read = read_links(plan, topology)
    for i, fault in enumerate(plan.faults):
        links = topology.links_of(fault.target) if fault.reads_messages else ()
        if unable := sorted({link.service for link in links if not read[link.name]}):
            able = ", ".join(kind.name for kind in kinds().values() if kind.messages)
            yield Problem(
                reason=MESSAGES_UNREADABLE(fault=fault.label, services=unable),
                where=f"plan {plan.name or '(unnamed)'}: faults[{i}].target",
                expected=f"links to services of one of these kinds: {able}",
                got=", ".join(f"'{name}' is a {topology.services[name].kind}" for name in unable),
                fix="name such a link or service as the target",
            )


def _services(links: Iterator[Link], topology: Topology) -> list[Service]:
    return [topology.services[link.service] for link in links]


def _counts_clients(kind: Kind) -> bool:
    return kind.count_clients is not None


def _counts_commands(kind: Kind) -> bool:
    return kind.count_commands is not None


def _unable(
    where: str, services: list[Service], reason: ErrorCode, able: Callable[[Kind], bool]
) -> Iterator[Problem]:
    """Yield a problem for the services whose kinds are not `able`, if there are any."""
    unable = [service for service in services if not able(kind_of(service.kind))]
    if unable:
        names = ", ".join(kind.name for kind in kinds().values() if able(kind))
        claim = _CLAIMS[reason]
        yield Problem(
            reason=reason(services=[service.name for service in unable]),
            where=where,
            expected=f"services of one of these kinds: {names}",
            got=", ".join(f"'{service.name}' is a {service.kind}" for service in unable),
            fix=f"name such services in services=(...) of {claim}, or remove it",
        )


def _watching(what: Watch, plan: Plan) -> Iterator[Expected]:
    return (e for e in plan.expect if what in e.watches)


def _links(e: Expected, topology: Topology) -> Iterator[Link]:
    """Yield the links of the expectation's app to the services that the expectation names; all of
    them if it names none.
    """
    named = getattr(e, "services", ())
    for link in topology.links:
        if link.app == e.app and (not named or link.service in named):
            yield link

"""The reasons why a fault cannot be exported: it is unsupported, or something is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from chaoslab.errors import ErrorCode, Problem
from chaoslab.export.cluster import Cluster
from chaoslab.export.network_chaos import Destination, Outside
from chaoslab.faults.base import Fault
from chaoslab.faults.cluster import Peer, Unsupported
from chaoslab.model.topology import Link

UNSUPPORTED = ErrorCode(
    "export.unsupported", "{cause}", "NetworkChaos of Chaos Mesh does not support the fault."
)
NO_DURATION = ErrorCode(
    "export.no_duration",
    "no duration is given",
    "Without a duration the fault would never heal by itself.",
)
BAD_DURATION = ErrorCode(
    "export.bad_duration", "{duration_s:g} is not a duration", "The duration must be positive."
)
SCHEDULE_WITH_END = ErrorCode(
    "export.schedule_with_end",
    "a Schedule does not end by itself",
    "A duration is given for a fault that is exported as a Schedule, which has none.",
)
NO_LABELS = ErrorCode(
    "export.no_labels",
    "no labels are given for the pods of '{app}'",
    "No option gives the labels of the pods of an app that the fault affects.",
)
NO_PLACE = ErrorCode(
    "export.no_place",
    "the place of '{service}' is not given",
    "No option says whether a service is inside the cluster, and where it is.",
)


def refused(
    fault: Fault, links: Iterable[Link], where: Cluster, duration_s: float | None
) -> Iterator[Problem]:
    """A problem for every reason why the fault cannot be exported.

    The links are checked only if the fault itself is supported.
    """
    problems = [*_unsupported(fault.label, fault, Peer()), *_length(fault, duration_s)]
    yield from problems or (p for link in links for p in _on_link(fault, link, where))


def peer_of(destination: Destination) -> Peer:
    """The destination as a Peer: the type that `Fault.chaos_mesh` needs."""
    return Peer(hosts=destination.hosts) if isinstance(destination, Outside) else Peer()


def _unsupported(where: str, fault: Fault, peer: Peer) -> Iterator[Problem]:
    decision = fault.chaos_mesh(peer)
    if isinstance(decision, Unsupported):
        yield Problem(reason=UNSUPPORTED(cause=decision.what), where=where, fix=decision.fix)


def _length(fault: Fault, duration_s: float | None) -> Iterator[Problem]:
    if fault.phases is not None:
        if duration_s is not None:
            fix = "remove the option, and delete the Schedule to end the fault"
            yield Problem(reason=SCHEDULE_WITH_END(), where="--duration-s", fix=fix)
    elif duration_s is None:
        fix = "add --duration-s, so that the fault heals by itself"
        yield Problem(reason=NO_DURATION(), where=fault.label, fix=fix)
    elif not 0 < duration_s < inf:
        reason, expected = BAD_DURATION(duration_s=duration_s), "a number of seconds above 0"
        yield Problem(reason=reason, where="--duration-s", expected=expected)


def _on_link(fault: Fault, link: Link, where: Cluster) -> Iterator[Problem]:
    place = f"{fault.label} on {link.name}"
    destination = where.services.get(link.service)
    if link.app not in where.apps:
        fix = f"add --app {link.app}=KEY=VALUE, the labels of its pods"
        yield Problem(reason=NO_LABELS(app=link.app), where=place, fix=fix)
    if destination is None:
        fix = (
            f"add --service {link.service}=KEY=VALUE for pods, or --external"
            f" {link.service}=HOST if it is outside the cluster"
        )
        yield Problem(reason=NO_PLACE(service=link.service), where=place, fix=fix)
    if isinstance(destination, Outside):
        yield from _unsupported(place, fault, peer_of(destination))

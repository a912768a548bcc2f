"""The reasons why a fault cannot be exported: it is unsupported, or something is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from chaoslab.errors import Problem
from chaoslab.export.cluster import Cluster
from chaoslab.export.network_chaos import Destination, Outside
from chaoslab.faults.base import Fault
from chaoslab.faults.cluster import Peer, Unsupported
from chaoslab.model.topology import Link


def refused(
    fault: Fault, links: Iterable[Link], where: Cluster, duration_s: float | None
) -> Iterator[Problem]:
    """Every reason why the fault cannot be exported.

    The links are checked only if the fault itself is supported.
    """
    problems = [*_unsupported(fault.label, fault, Peer()), *_length(fault, duration_s)]
    yield from problems or (p for link in links for p in _on_link(fault, link, where))


def peer_of(destination: Destination) -> Peer:
    """The destination in the form that the faults use."""
    return Peer(hosts=destination.hosts) if isinstance(destination, Outside) else Peer()


def _unsupported(where: str, fault: Fault, peer: Peer) -> Iterator[Problem]:
    decision = fault.chaos_mesh(peer)
    if isinstance(decision, Unsupported):
        yield Problem(where=where, what=decision.what, fix=decision.fix)


def _length(fault: Fault, duration_s: float | None) -> Iterator[Problem]:
    if fault.turns is not None:
        if duration_s is not None:
            what = "a Schedule does not end by itself"
            fix = "remove the option, and delete the Schedule to end the fault"
            yield Problem(where="--duration-s", what=what, fix=fix)
    elif duration_s is None:
        fix = "add --duration-s, so that the fault heals by itself"
        yield Problem(where=fault.label, what="no duration is given", fix=fix)
    elif not 0 < duration_s < inf:
        expected = "a number of seconds above 0"
        yield Problem(where="--duration-s", what=f"{duration_s:g}", expected=expected)


def _on_link(fault: Fault, link: Link, where: Cluster) -> Iterator[Problem]:
    place = f"{fault.label} on {link.name}"
    destination = where.services.get(link.service)
    if link.app not in where.apps:
        fix = f"add --app {link.app}=KEY=VALUE, the labels of its pods"
        yield Problem(
            where=place, what=f"no labels are given for the pods of '{link.app}'", fix=fix
        )
    if destination is None:
        fix = (
            f"add --service {link.service}=KEY=VALUE for pods, or --external"
            f" {link.service}=HOST if it is outside the cluster"
        )
        yield Problem(where=place, what=f"the place of '{link.service}' is not given", fix=fix)
    if isinstance(destination, Outside):
        yield from _unsupported(place, fault, peer_of(destination))

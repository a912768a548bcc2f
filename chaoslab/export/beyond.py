"""What of the catalogue `NetworkChaos` cannot do, with the reason and the nearest that it can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from chaoslab.errors import Problem
from chaoslab.export.cluster import Cluster
from chaoslab.export.network_chaos import Outside
from chaoslab.model.faults import (
    CutMidstream,
    FaultSpec,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Stopped,
    Throttled,
)
from chaoslab.model.topology import Link

_TOXIPROXY = "put Toxiproxy in the path and attach the lab (docs/kubernetes.md)"
_SHORTEST_CUT_S = 5.0  # the controller itself takes seconds to put rules in force and to heal


def refused(
    fault: FaultSpec, links: Iterable[Link], where: Cluster, duration_s: float | None
) -> Iterator[Problem]:
    """Every reason why the fault cannot be exported; none is left out but those on links, which
    are looked at only when the fault itself can be made.
    """
    problems = [*_beyond(fault), *_length(fault, duration_s)]
    yield from problems or (p for link in links for p in _on_link(fault, link, where))


def _beyond(fault: FaultSpec) -> Iterator[Problem]:
    """What NetworkChaos cannot do, with the nearest thing that can be had."""
    match fault:
        case Severed(mode="refused") | Flapping(mode="refused"):
            what = "NetworkChaos drops packets; it cannot refuse a connect or reset a connection"
            fix = f"export --mode dropped, whose connects hang instead, or {_TOXIPROXY}"
        case Severed(mode="silent") | Flapping(mode="silent"):
            what = "NetworkChaos cannot let the handshake through and drop what follows"
            fix = (
                "export --mode dropped and apply it while the app is connected: its connections go"
                f" silent, and only new ones hang; or {_TOXIPROXY}"
            )
        case CutMidstream():
            what = "NetworkChaos does not count bytes and closes no connection"
            fix = _TOXIPROXY
        case Stopped() | Killed() | Paused() | Restarted():
            what = "a fault on a service is no fault on a network"
            fix = (
                "use PodChaos (pod-kill, pod-failure, container-kill) on its pods, or export"
                f" 'severed {fault.target}', which the app cannot tell from a frozen service"
            )
        case Flapping(period_s=period_s, duty=duty):
            if period_s == round(period_s) and period_s * min(duty, 1 - duty) >= _SHORTEST_CUT_S:
                return
            what = f"a Schedule cannot follow {duty:g} of every {period_s:g} s"
            fix = (
                f"whole seconds, of which at least {_SHORTEST_CUT_S:g} are severed and as many"
                " whole; the controller takes seconds for either"
            )
        case _:
            return
    yield Problem(where=fault.label, what=what, fix=fix)


def _length(fault: FaultSpec, duration_s: float | None) -> Iterator[Problem]:
    if isinstance(fault, Flapping):
        if duration_s is not None:
            what = "a Schedule has no end of its own"
            fix = "leave it out, and delete the Schedule when you have seen enough"
            yield Problem(where="--duration-s", what=what, fix=fix)
    elif duration_s is None:
        fix = "add --duration-s: the fault then heals although nobody remembers it"
        yield Problem(where=fault.label, what="no end is given", fix=fix)
    elif not 0 < duration_s < inf:
        expected = "a number of seconds above 0"
        yield Problem(where="--duration-s", what=f"{duration_s:g}", expected=expected)


def _on_link(fault: FaultSpec, link: Link, where: Cluster) -> Iterator[Problem]:
    place = f"{fault.label} on {link.name}"
    destination = where.services.get(link.service)
    if link.app not in where.apps:
        fix = f"add --app {link.app}=KEY=VALUE, the labels of its pods"
        yield Problem(where=place, what=f"nobody says which pods '{link.app}' has", fix=fix)
    if destination is None:
        fix = (
            f"add --service {link.service}=KEY=VALUE for pods, or --external"
            f" {link.service}=HOST where it is outside of the cluster"
        )
        yield Problem(where=place, what=f"nobody says where '{link.service}' is", fix=fix)
    if not isinstance(destination, Outside):
        return
    match fault:
        case Throttled(streams=streams) if tuple(streams) != ("upstream",):
            what = "NetworkChaos shapes what its pods send, and these answers come from elsewhere"
            fix = f"export --stream upstream, or {_TOXIPROXY}"
            yield Problem(where=place, what=what, fix=fix)
        case OneWay(stream="downstream") if destination.with_port:
            what = "what comes from an outside port matches no rule: this would cut nothing"
            fix = f"name the host without its port: {_plain(destination)}"
            yield Problem(where=place, what=what, fix=fix)


def _plain(destination: Outside) -> str:
    return ",".join(host.partition(":")[0] for host in destination.hosts)

"""A network fault of the catalogue as objects of Chaos Mesh: one for each link that it meets.

Every object comes with notes that say where it differs from the lab's fault. What `NetworkChaos`
cannot do is refused with the reason and the nearest thing that can be had; nothing is swapped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chaoslab.errors import SpecError
from chaoslab.export.beyond import refused
from chaoslab.export.cluster import Cluster
from chaoslab.export.network_chaos import (
    LONGEST_NAME,
    Bandwidth,
    Delay,
    Destination,
    Direction,
    NetworkChaos,
    Outside,
    Pods,
    Schedule,
)
from chaoslab.model.faults import (
    FaultSpec,
    Flapping,
    OneWay,
    Severed,
    Slow,
    Stream,
    Throttled,
)
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.topology import Link, Topology

_LEAST_BUFFER = 10_000  # bytes: some packets; a bucket smaller than one passes nothing
_MOST_BYTES = 2**31 - 1

LIMITS_OF_PODS = (
    "Pods are chosen once, when this is applied: a pod that is made later (a rollout, a deleted"
    " pod) is not cut off. To see a start-up under the fault, restart the container inside its"
    " pod, as with `kubectl exec POD -- kill 1`.",
    "Heal before its end with `kubectl delete -f` on this file.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One object for a cluster, and where it differs from the lab's fault."""

    resource: NetworkChaos | Schedule
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What one fault is on one link."""

    direction: Direction
    shape: Delay | Bandwidth | None = None
    notes: tuple[str, ...] = ()


def export(
    fault: FaultSpec, topology: Topology, where: Cluster, duration_s: float | None
) -> tuple[Exported, ...]:
    """One object for each link of the fault's target, in the topology's order.

    `duration_s` ends the fault by itself; only a Flapping has none, and must not. Raises SpecError
    with everything that is unknown, missing in `where`, or beyond NetworkChaos.
    """
    resolve(Plan(name="export", faults=(fault,)), topology)
    links = topology.links_of(fault.target)
    problems = [*refused(fault, links, where, duration_s)]
    if problems:
        raise SpecError(problems)
    return tuple(_exported(fault, link, where, duration_s) for link in links)


def _exported(fault: FaultSpec, link: Link, where: Cluster, duration_s: float | None) -> Exported:
    source, destination = where.apps[link.app], where.services[link.service]
    cut = _cut(fault, destination)
    if isinstance(fault, Flapping):
        duration_s = fault.period_s * fault.duty
    assert duration_s is not None
    chaos = NetworkChaos(
        name=_name(fault.kind, link),
        source=source,
        destination=destination,
        direction=cut.direction,
        duration_s=duration_s,
        shape=cut.shape,
        labels={
            "org.chaoslab.fault": fault.kind,
            "org.chaoslab.target": _label_value(fault.target),
        },
    )
    notes = (*cut.notes, *_on_destination(source, destination), *LIMITS_OF_PODS)
    if isinstance(fault, Flapping):
        return Exported(
            resource=Schedule(chaos=chaos, period_s=round(fault.period_s)),
            notes=(*_FLAPPING, *notes),
        )
    return Exported(resource=chaos, notes=notes)


_FLAPPING = (
    "Severed for the same share of every period: the lab varies it by 20 %, a Schedule cannot.",
    "A Schedule has no end of its own: it goes on until it is deleted. Its first cut comes one"
    " period after it was applied.",
)


def _cut(fault: FaultSpec, destination: Destination) -> _Cut:
    outside = isinstance(destination, Outside)
    match fault:
        case Severed() | Flapping():
            return _severed(destination)
        case OneWay(stream=stream):
            return _Cut(direction=_direction((stream,)), notes=(_ONE_WAY,))
        case Slow(latency_s=latency_s, jitter_s=jitter_s, streams=streams):
            if not outside:
                return _Cut(
                    direction=_direction(streams),
                    shape=Delay(latency_s=latency_s, jitter_s=jitter_s),
                    notes=_SLOW,
                )
            ways = len(set(streams))
            delay = Delay(latency_s=ways * latency_s, jitter_s=ways * jitter_s)
            notes = (*_SLOW, *(() if tuple(streams) == ("upstream",) else (_ON_THE_WAY_OUT,)))
            return _Cut(direction="to", shape=delay, notes=notes)
        case Throttled(rate_kb_per_s=rate, streams=streams):
            return _Cut(direction=_direction(streams), shape=_bucket(rate), notes=(_THROTTLED,))
    raise AssertionError(f"not refused before: {fault.kind}")


def _severed(destination: Destination) -> _Cut:
    if isinstance(destination, Outside) and destination.with_port:
        note = (
            "With a port only what the pod sends is dropped (what comes back matches no port)."
            " Connects hang and requests vanish, as in the lab; what the server had under way may"
            " still arrive."
        )
        return _Cut(direction="to", notes=(note,))
    return _Cut(direction="both")


_ONE_WAY = (
    "Packets are dropped, acknowledgements of the other direction among them, so the other"
    " direction soon stalls too and no connect completes; behind the lab's proxy it goes on."
)
_SLOW = (
    "Each packet is late, those of the handshake too; the lab delays data and leaves connects"
    " alone. With jitter packets may overtake each other, which TCP takes for loss.",
)
_ON_THE_WAY_OUT = (
    "Answers from outside of the cluster cannot be delayed, so requests are, by the whole: each"
    " round trip takes as long as in the lab."
)
_THROTTLED = (
    "The rate is shared by all connections of a pod, and packets beyond the queue are dropped; the"
    " lab throttles each connection by itself and drops nothing."
)


def _bucket(rate_kb_per_s: int) -> Bandwidth:
    """A tenth of a second may pass at once, as in the lab; a second's worth may wait."""
    bytes_per_s = rate_kb_per_s * 1000
    buffer = min(max(bytes_per_s // 10, _LEAST_BUFFER), _MOST_BYTES)
    limit = min(max(bytes_per_s, 10 * _LEAST_BUFFER), _MOST_BYTES)
    return Bandwidth(rate_kb_per_s=rate_kb_per_s, limit=limit, buffer=buffer)


def _direction(streams: tuple[Stream, ...]) -> Direction:
    """Seen from the app: upstream is what it sends."""
    return "both" if len(set(streams)) == 2 else "to" if streams[0] == "upstream" else "from"


def _on_destination(source: Pods, destination: Destination) -> Iterator[str]:
    if isinstance(destination, Pods):
        yield "Everything between these pods is met, on every port: pods are told by address alone."
        if source.namespace != destination.namespace:
            yield "Two namespaces: Chaos Mesh must be installed for the whole cluster."
        return
    if len(destination.with_port) < len(destination.hosts):
        yield "A host without a port is met on every port."
    if any(re.search("[a-z]", host) for host in destination.hosts):
        yield (
            "Names are looked up once, by the controller, and IPv4 answers only: where the app is"
            " given another address (a failover, an IPv6 one) it is not cut off."
        )


def _name(kind: str, link: Link) -> str:
    """Lower-case letters, digits and hyphens; what is too long ends in a hash of the whole."""
    name = f"chaoslab-{kind.replace('_', '-')}-{link.app}-{link.service}"
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain == name and len(plain) <= LONGEST_NAME:
        return plain
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST_NAME - 9].rstrip('-')}-{mark}"


def _label_value(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-_.")

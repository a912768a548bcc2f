"""A fault as objects of Chaos Mesh: one for each link that it affects.

The fault itself decides how it is exported (`Fault.chaos_mesh`). Every object has notes with the
differences from the lab's fault. A fault that `NetworkChaos` does not support is refused, with the
reason and the nearest fault that is supported. No fault is replaced by another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chaoslab.errors import SpecError
from chaoslab.export.cluster import Cluster
from chaoslab.export.network_chaos import (
    LONGEST_NAME,
    Bandwidth,
    Delay,
    Destination,
    NetworkChaos,
    Pods,
    Schedule,
)
from chaoslab.export.unsupported import peer_of, refused
from chaoslab.faults.base import Fault
from chaoslab.faults.cluster import NetworkRule
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.topology import Link, Topology

_LEAST_BUFFER = 10_000  # bytes, some packets: a bucket smaller than one packet lets none pass
_MOST_BYTES = 2**31 - 1

LIMITS_OF_PODS = (
    "Pods are selected once, when this is applied: a later pod (after a rollout or a deleted"
    " pod) is not cut off. To see a start-up under the fault, restart the container inside its"
    " pod, as with `kubectl exec POD -- kill 1`.",
    "Heal before its end with `kubectl delete -f` on this file.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One object for a cluster, and notes on its differences from the lab's fault."""

    resource: NetworkChaos | Schedule
    notes: tuple[str, ...]


def export(
    fault: Fault, topology: Topology, where: Cluster, duration_s: float | None
) -> tuple[Exported, ...]:
    """One object for each link of the fault's target, in the topology's order.

    After `duration_s` the fault ends by itself. A duration is required, except for a Flapping,
    which must not have one. Raises SpecError with everything that is unknown, missing in `where`,
    or not supported by NetworkChaos.
    """
    resolve(Plan(name="export", faults=(fault,)), topology)
    links = topology.links_of(fault.target)
    problems = [*refused(fault, links, where, duration_s)]
    if problems:
        raise SpecError(problems)
    return tuple(_exported(fault, link, where, duration_s) for link in links)


def _exported(fault: Fault, link: Link, where: Cluster, duration_s: float | None) -> Exported:
    source, destination = where.apps[link.app], where.services[link.service]
    rule = fault.chaos_mesh(peer_of(destination))
    assert isinstance(rule, NetworkRule), f"not refused before: {fault.kind}"
    phases = fault.phases
    duration_s = phases.in_force_s if phases else duration_s
    assert duration_s is not None
    chaos = NetworkChaos(
        name=_name(fault.kind, link),
        source=source,
        destination=destination,
        direction=rule.direction,
        duration_s=duration_s,
        shape=_shape(rule),
        labels={
            "org.chaoslab.fault": fault.kind,
            "org.chaoslab.target": _label_value(fault.target),
        },
    )
    notes = (*rule.notes, *_on_destination(source, destination), *LIMITS_OF_PODS)
    if phases is None:
        return Exported(resource=chaos, notes=notes)
    period_s = round(phases.in_force_s + phases.out_s)
    return Exported(resource=Schedule(chaos=chaos, period_s=period_s), notes=notes)


def _shape(rule: NetworkRule) -> Delay | Bandwidth | None:
    if rule.latency_s:
        return Delay(latency_s=rule.latency_s, jitter_s=rule.jitter_s)
    if rule.rate_kb_per_s is None:
        return None
    # as in the lab, the bytes of 0.1 s may pass at once; the bytes of 1 s may wait
    bytes_per_s = rule.rate_kb_per_s * 1000
    buffer = min(max(bytes_per_s // 10, _LEAST_BUFFER), _MOST_BYTES)
    limit = min(max(bytes_per_s, 10 * _LEAST_BUFFER), _MOST_BYTES)
    return Bandwidth(rate_kb_per_s=rule.rate_kb_per_s, limit=limit, buffer=buffer)


def _on_destination(source: Pods, destination: Destination) -> Iterator[str]:
    if isinstance(destination, Pods):
        yield (
            "All traffic between these pods is affected, on every port:"
            " pods are selected by address only."
        )
        if source.namespace != destination.namespace:
            yield "Two namespaces: Chaos Mesh must be installed for the whole cluster."
        return
    if len(destination.with_port) < len(destination.hosts):
        yield "A host without a port is affected on every port."
    if any(re.search("[a-z]", host) for host in destination.hosts):
        yield (
            "Names are looked up once, by the controller, and IPv4 answers only: where the app is"
            " given another address (a failover, an IPv6 one) it is not cut off."
        )


def _name(kind: str, link: Link) -> str:
    """The name of a link's object, of lower-case letters, digits and hyphens. If the name had to be
    changed or cut, it ends with a hash.
    """
    name = f"chaoslab-{kind.replace('_', '-')}-{link.app}-{link.service}"
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if plain == name and len(plain) <= LONGEST_NAME:
        return plain
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST_NAME - 9].rstrip('-')}-{mark}"


def _label_value(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63].strip("-_.")

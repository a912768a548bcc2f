"""Checked objects of Chaos Mesh: `NetworkChaos`, and the `Schedule` that repeats one.

These are the rules of Chaos Mesh 2.8 (resource definitions, admission webhook and daemon) that the
lab's faults need:

- Packets between pods are matched by address only, so every port is affected. An external target
  may have a port. It is compared with the destination port of each packet, in both directions
  (`pkg/chaosdaemon/iptables_server.go`). A packet *from* that port never matches, so such a target
  is cut in direction `to` only.
- `delay` and `bandwidth` act on packets that a pod sends. `from` and `both` act in the target's
  pods, so with external targets only `to` is allowed. `partition` may have any direction.
- If one object has pods *and* external targets, the target's pods lose the external ones as well
  (Chaos Mesh issue 3204). So an object has one kind of destination.
- A latency is silently ignored unless its text sorts above "0ms" (`pkg/netem/convert.go` and
  `tc_server.go`): "0.5s" does not. The text is given to tc, which has no unit for minutes. So
  durations are whole numbers of s, ms or us here.
- The name of a `Schedule` has at most 57 characters, because the names of its objects are longer.

Source: https://chaos-mesh.org/docs/simulate-network-chaos-on-kubernetes/,
https://chaos-mesh.org/docs/define-scheduling-rules/, and the files of chaos-mesh/chaos-mesh that
are named here and in `tests/export/test_published_crd.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

API_VERSION = "chaos-mesh.org/v1alpha1"
LONGEST_NAME = 57

Action = Literal["partition", "delay", "bandwidth"]
Direction = Literal["to", "from", "both"]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_MOST_BYTES = 2**31 - 1  # both fields are int32 in the schema
_MICROSECONDS = ((1_000_000, "s"), (1000, "ms"), (1, "us"))

# A value of a YAML document; only `document` and `spec` methods make it.
Node = str | int | list["Node"] | dict[str, "Node"]


def duration(seconds: float) -> str:
    """A duration that both Go and tc read: a whole number of s, ms or us, at least 1us."""
    whole = max(1, round(seconds * 1_000_000))
    size, unit = next(each for each in _MICROSECONDS if whole % each[0] == 0)
    return f"{whole // size}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """All pods of one namespace that carry all of these labels."""

    namespace: str
    labels: Mapping[str, str]

    def __post_init__(self) -> None:
        # a selector without labels selects every pod of the namespace
        assert self.namespace, "a selector without a namespace"
        assert self.labels, "a selector without labels"

    def document(self) -> dict[str, Node]:
        """The entries `mode` and `selector` that select these pods."""
        labels: dict[str, Node] = dict(self.labels)
        return {
            "mode": "all",
            "selector": {"namespaces": [self.namespace], "labelSelectors": labels},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Hosts outside of the cluster: IPv4 addresses, networks or names, with a port or without."""

    hosts: tuple[str, ...]

    def __post_init__(self) -> None:
        assert self.hosts, "no external targets"

    @property
    def with_port(self) -> tuple[str, ...]:
        """The hosts that have a port."""
        return tuple(host for host in self.hosts if ":" in host)


Destination = Pods | Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Each packet is delayed by `latency_s` ± `jitter_s` seconds."""

    latency_s: float
    jitter_s: float = 0.0

    def document(self) -> dict[str, Node]:
        """The value of the entry `delay`."""
        entries: dict[str, Node] = {"latency": duration(self.latency_s)}
        if self.jitter_s:
            entries |= {"jitter": duration(self.jitter_s), "correlation": "0"}
        return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """The rate is limited by a token bucket to `rate_kb_per_s` thousand bytes a second.

    `limit` bytes may wait, and `buffer` bytes may pass at once.
    """

    rate_kb_per_s: int
    limit: int
    buffer: int

    def __post_init__(self) -> None:
        assert self.rate_kb_per_s > 0, "no rate"
        assert 1 <= self.limit <= _MOST_BYTES, "limit out of the schema's range"
        assert 1 <= self.buffer <= _MOST_BYTES, "buffer out of the schema's range"

    def document(self) -> dict[str, Node]:
        """The value of the entry `bandwidth`; the unit `bps` means bytes a second, as in tc."""
        return {"rate": f"{self.rate_kb_per_s}kbps", "limit": self.limit, "buffer": self.buffer}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChaos:
    """One action between the pods `source` and `destination`; `direction` is seen from `source`."""

    name: str
    source: Pods
    destination: Destination
    direction: Direction
    duration_s: float
    shape: Delay | Bandwidth | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert _NAME.fullmatch(self.name), f"not a name for an object: {self.name}"
        assert len(self.name) <= LONGEST_NAME, f"name too long: {self.name}"
        assert self.duration_s > 0, "a fault without an end"
        if isinstance(self.destination, Outside) and self.direction != "to":
            assert self.shape is None, "external targets can be shaped on the way out only"
            assert not self.destination.with_port, "what comes from a port never matches it"

    @property
    def action(self) -> Action:
        """The action that `shape` needs: `delay`, `bandwidth`, or `partition` without a shape."""
        match self.shape:
            case Delay():
                return "delay"
            case Bandwidth():
                return "bandwidth"
        return "partition"

    def spec(self) -> dict[str, Node]:
        """The value of the object's entry `spec`."""
        entries: dict[str, Node] = {"action": self.action, **self.source.document()}
        entries["direction"] = self.direction
        if isinstance(self.destination, Pods):
            entries["target"] = self.destination.document()
        else:
            entries["externalTargets"] = list(self.destination.hosts)
        if self.shape is not None:
            entries[self.action] = self.shape.document()
        return {**entries, "duration": duration(self.duration_s)}

    def document(self) -> dict[str, Node]:
        """The complete `NetworkChaos` object, as values of a YAML document."""
        return _object("NetworkChaos", self, self.spec())


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Starts `chaos` anew every `period_s` seconds, until the schedule is deleted."""

    chaos: NetworkChaos
    period_s: int

    def __post_init__(self) -> None:
        assert self.period_s >= 1, "the clock of a Schedule has whole seconds"
        assert self.chaos.duration_s < self.period_s, "severed for longer than a period"

    def document(self) -> dict[str, Node]:
        """The complete `Schedule` object, as values of a YAML document."""
        spec: dict[str, Node] = {
            "schedule": f"@every {duration(self.period_s)}",
            "historyLimit": 1,
            "concurrencyPolicy": "Forbid",
            "type": "NetworkChaos",
            "networkChaos": self.chaos.spec(),
        }
        return _object("Schedule", self.chaos, spec)


def _object(kind: str, chaos: NetworkChaos, spec: dict[str, Node]) -> dict[str, Node]:
    metadata: dict[str, Node] = {"name": chaos.name, "namespace": chaos.source.namespace}
    if chaos.labels:
        metadata["labels"] = dict(chaos.labels)
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}

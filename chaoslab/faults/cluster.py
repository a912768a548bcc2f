"""A fault as a network rule for a cluster, such as NetworkChaos of Chaos Mesh. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaoslab.model.actions import Stream

Direction = Literal["to", "from", "both"]
USE_TOXIPROXY = "put Toxiproxy in the path and attach the lab (docs/kubernetes.md)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The other end of an app's link: `hosts` outside the cluster, or, if that is empty, pods of
    the cluster.
    """

    hosts: tuple[str, ...] = ()

    @property
    def outside(self) -> bool:
        return bool(self.hosts)

    @property
    def with_port(self) -> bool:
        """Whether one of the hosts has a port, as in `db.example:5432`."""
        return any(":" in host for host in self.hosts)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRule:
    """What happens to packets of the app's pods. They are delayed by `latency_s`, limited to
    `rate_kb_per_s`, or dropped if neither is set.

    `notes` describe how the rule differs from the lab's fault.
    """

    direction: Direction
    latency_s: float = 0.0
    jitter_s: float = 0.0
    rate_kb_per_s: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """Why a fault cannot be exported, and what to do instead."""

    what: str
    fix: str


def direction_of(streams: tuple[Stream, ...]) -> Direction:
    """The direction of a rule as seen from the app's pods: `to` for what the app sends
    (`upstream`), `from` for what it receives, `both` for both streams.
    """
    return "both" if len(set(streams)) == 2 else "to" if streams[0] == "upstream" else "from"

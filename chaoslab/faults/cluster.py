"""A fault as a rule of tools that shape packets between pods, such as Chaos Mesh. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaoslab.model.actions import Stream

Direction = Literal["to", "from", "both"]
USE_TOXIPROXY = "put Toxiproxy in the path and attach the lab (docs/kubernetes.md)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The other end of an app's link: pods of the cluster, or `hosts` outside of it."""

    hosts: tuple[str, ...] = ()

    @property
    def outside(self) -> bool:
        return bool(self.hosts)

    @property
    def with_port(self) -> bool:
        """Whether a host is named with its port."""
        return any(":" in host for host in self.hosts)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRule:
    """What packets meet, seen from the app's pods: lost, or late, or at a rate.

    `notes` say where this differs from the lab's fault.
    """

    direction: Direction
    latency_s: float = 0.0
    jitter_s: float = 0.0
    rate_kb_per_s: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """Why a fault cannot be exported, and the nearest that can be done."""

    what: str
    fix: str


def direction_of(streams: tuple[Stream, ...]) -> Direction:
    """Seen from the app: upstream is what it sends."""
    return "both" if len(set(streams)) == 2 else "to" if streams[0] == "upstream" else "from"

"""`cut_midstream`: each connection is closed after a number of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from chaoslab.errors import Problem
from chaoslab.evidence import observations, sockets
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import LinkFault
from chaoslab.faults.cluster import USE_TOXIPROXY, NetworkRule, Peer, Unsupported
from chaoslab.faults.toxics import toxic
from chaoslab.model.actions import Action, Capability, Stream
from chaoslab.model.sighting import Sighting
from chaoslab.model.values import above, one_of
from chaoslab.reason import Code, Reason

CONNECTIONS_CUT = Code(
    "fault.connections_cut",
    "{connections} connections of the app cut by the fault",
    "The proxy recorded that the fault itself closed connections of the app.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutMidstream(LinkFault):
    """Each connection is closed once `after_bytes` bytes of `stream` have passed."""

    after_bytes: int
    stream: Stream = "downstream"
    kind: Literal["cut_midstream"] = "cut_midstream"

    def problems(self, where: str) -> Iterator[Problem]:
        yield from one_of(where, "stream", self.stream, get_args(Stream))
        yield from above(where, 0, after_bytes=self.after_bytes)

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        return (toxic(self.label, proxy, "limit_data", self.stream, bytes=self.after_bytes),)

    def shows(self, sighting: Sighting) -> bool | None:
        return None  # a canary sends few bytes and may not reach the limit

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observations.connections_ended(link, "closed_by_fault", code=CONNECTIONS_CUT)
        yield from sockets.some_connections_ended(link)
        yield from sockets.sessions_ended(link)
        yield from observations.connections_metered(link)

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        return Unsupported(
            what="NetworkChaos cannot close a connection after a number of bytes", fix=USE_TOXIPROXY
        )

"""`throttled`: data passes at a limited rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from chaoslab.errors import Problem
from chaoslab.evidence import observations, sockets
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import LinkFault
from chaoslab.faults.cluster import (
    USE_TOXIPROXY,
    NetworkRule,
    Peer,
    Unsupported,
    direction_of,
)
from chaoslab.faults.toxics import toxic
from chaoslab.model.actions import Action, Capability, Stream
from chaoslab.model.sighting import Sighting
from chaoslab.model.values import above, one_of
from chaoslab.reason import Code, Reason

BYTES_THROTTLED = Code(
    "fault.bytes_throttled",
    "{bytes} bytes throttled on {connections} connections of the app",
    "The proxy recorded bytes of the app's connections that it passed on at the fault's rate.",
)
_NOTE = (
    "All connections of a pod share the rate, and packets that do not fit into the queue are"
    " dropped. The lab limits each connection separately and drops nothing."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(LinkFault):
    """At most `rate_kb_per_s` kilobytes a second pass in each direction of `streams`."""

    rate_kb_per_s: int
    streams: tuple[Stream, ...] = ("downstream",)
    kind: Literal["throttled"] = "throttled"

    def problems(self, where: str) -> Iterator[Problem]:
        for stream in self.streams:
            yield from one_of(where, "streams", stream, get_args(Stream))
        yield from above(where, 0, rate_kb_per_s=self.rate_kb_per_s)

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        return tuple(
            toxic(self.label, proxy, "bandwidth", stream, rate=self.rate_kb_per_s)
            for stream in self.streams
        )

    def shows(self, sighting: Sighting) -> bool | None:
        return None  # a canary sends few bytes, which pass before the rate limits them

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observations.bytes_affected(link, "bandwidth", code=BYTES_THROTTLED)
        yield from sockets.opened_through(link)

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        if peer.outside and tuple(self.streams) != ("upstream",):
            return Unsupported(
                what=(
                    "NetworkChaos limits what pods of the cluster send; these answers come from"
                    " outside the cluster"
                ),
                fix=f"export --stream upstream, or {USE_TOXIPROXY}",
            )
        return NetworkRule(
            direction=direction_of(self.streams),
            rate_kb_per_s=self.rate_kb_per_s,
            notes=(_NOTE,),
        )

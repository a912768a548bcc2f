"""`slow`: data arrives late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from chaoslab.errors import Problem
from chaoslab.evidence import observations, sockets
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import LinkFault
from chaoslab.faults.cluster import NetworkRule, Peer, Unsupported, direction_of
from chaoslab.faults.toxics import toxic
from chaoslab.model.actions import Action, Capability, Stream
from chaoslab.model.sighting import Sighting
from chaoslab.model.values import above, one_of, wrong
from chaoslab.reason import Code, Reason

BYTES_DELAYED = Code(
    "fault.bytes_delayed",
    "{bytes} bytes delayed on {connections} connections of the app",
    "The proxy recorded bytes of the app's connections that it delayed.",
)
_NOTE = (
    "Every packet is delayed, also those of a connect; the lab delays data only."
    " With jitter packets may arrive out of order, which TCP treats as loss."
)
_REQUESTS_INSTEAD = (
    "Answers from outside the cluster cannot be delayed, so requests are delayed by the sum:"
    " a round trip takes as long as in the lab."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(LinkFault):
    """Data in each direction of `streams` arrives `latency_s` ± `jitter_s` seconds late.

    The jitter is uniform, drawn for each chunk.
    """

    latency_s: float
    jitter_s: float = 0.0
    streams: tuple[Stream, ...] = ("downstream",)
    kind: Literal["slow"] = "slow"

    def problems(self, where: str) -> Iterator[Problem]:
        for stream in self.streams:
            yield from one_of(where, "streams", stream, get_args(Stream))
        yield from above(where, 0, latency_s=self.latency_s)
        if not 0 <= self.jitter_s <= self.latency_s:
            yield wrong(where, "jitter_s", self.jitter_s, "0 to latency_s")

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        latency, jitter = round(self.latency_s * 1000), round(self.jitter_s * 1000)
        return tuple(
            toxic(self.label, proxy, "latency", stream, latency=latency, jitter=jitter)
            for stream in self.streams
        )

    @property
    def canary_waits_s(self) -> float:
        return 2.0 * len(self.streams) * (self.latency_s + self.jitter_s) + 0.3

    def shows(self, sighting: Sighting) -> bool | None:
        if sighting.outcome != "answered":
            return False
        # the first bytes of a server that speaks first pass in one direction only
        passed = [s for s in self.streams if s == "downstream" or not sighting.server_first]
        if not passed:
            return None
        return sighting.took_s >= len(passed) * max(0.0, self.latency_s - self.jitter_s)

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observations.bytes_affected(link, "latency", code=BYTES_DELAYED)
        yield from sockets.opened_through(link)

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        if not peer.outside:
            return NetworkRule(
                direction=direction_of(self.streams),
                latency_s=self.latency_s,
                jitter_s=self.jitter_s,
                notes=(_NOTE,),
            )
        ways = len(set(self.streams))
        notes = (_NOTE,) if tuple(self.streams) == ("upstream",) else (_NOTE, _REQUESTS_INSTEAD)
        return NetworkRule(
            direction="to",
            latency_s=ways * self.latency_s,
            jitter_s=ways * self.jitter_s,
            notes=notes,
        )

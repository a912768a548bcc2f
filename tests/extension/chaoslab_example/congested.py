"""`congested`: little passes at a time, and late; composed of two toxics on each link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence import observations
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import LinkFault
from chaoslab.faults.cluster import NetworkRule, Peer, Unsupported
from chaoslab.faults.toxics import toxic
from chaoslab.model.actions import Action, Capability
from chaoslab.model.sighting import Sighting
from chaoslab.model.values import above
from chaoslab.reason import Code, Reason

BYTES_CONGESTED = Code(
    "fault.bytes_congested",
    "{bytes} bytes passed a congested path on {connections} connections of the app",
    "The proxy recorded requests that it passed on late, on connections of the app.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Congested(LinkFault):
    """Requests arrive `latency_s` late, and answers at most at `rate_kb_per_s`."""

    latency_s: float
    rate_kb_per_s: int
    kind: Literal["congested"] = "congested"

    def problems(self, where: str) -> Iterator[Problem]:
        yield from above(where, 0, latency_s=self.latency_s, rate_kb_per_s=self.rate_kb_per_s)

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        late = toxic(self.label, proxy, "latency", "upstream", latency=round(self.latency_s * 1000))
        thin = toxic(self.label, proxy, "bandwidth", "downstream", rate=self.rate_kb_per_s)
        return (late, thin)

    @property
    def canary_waits_s(self) -> float:
        return 2.0 * self.latency_s + 0.3

    def shows(self, sighting: Sighting) -> bool | None:
        return sighting.outcome == "answered" and sighting.took_s >= self.latency_s

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observations.bytes_affected(link, "latency", code=BYTES_CONGESTED)

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        return Unsupported(what="this example exports nothing", fix="use slow and throttled")

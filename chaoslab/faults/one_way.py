"""`one_way`: one direction carries nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from chaoslab.errors import Problem
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import LinkFault
from chaoslab.faults.cluster import NetworkRule, Peer, Unsupported, direction_of
from chaoslab.faults.severed import observed_silence
from chaoslab.faults.toxics import silence
from chaoslab.model.actions import Action, Capability, Stream
from chaoslab.model.sighting import Sighting
from chaoslab.model.values import one_of
from chaoslab.reason import Reason

_NOTE = (
    "Packets are dropped, acknowledgements of the other direction among them, so the other"
    " direction soon stalls too and no connect completes; behind the lab's proxy it goes on."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay(LinkFault):
    """`stream` carries nothing; the other direction is untouched."""

    stream: Stream = "downstream"
    kind: Literal["one_way"] = "one_way"

    def problems(self, where: str) -> Iterator[Problem]:
        yield from one_of(where, "stream", self.stream, get_args(Stream))

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        return (silence(self.label, proxy, self.stream, can),)

    def shows(self, sighting: Sighting) -> bool | None:
        return sighting.outcome == "silent"

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observed_silence(link)

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        if self.stream == "downstream" and peer.with_port:
            hosts = ",".join(host.partition(":")[0] for host in peer.hosts)
            return Unsupported(
                what="what comes from an outside port matches no rule: this would cut nothing",
                fix=f"name the host without its port: {hosts}",
            )
        return NetworkRule(direction=direction_of((self.stream,)), notes=(_NOTE,))

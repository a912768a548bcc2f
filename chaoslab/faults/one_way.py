"""`one_way`: nothing passes in one direction."""

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
    "The rule also drops packets that acknowledge the other direction. So the other direction soon"
    " stops too, and no connect completes. Behind the lab's proxy the other direction works."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay(LinkFault):
    """Nothing passes in the direction `stream`; the other direction works.

    `upstream` is from the app to the service, `downstream` from the service to the app.
    """

    stream: Stream = "downstream"
    kind: Literal["one_way"] = "one_way"

    def problems(self, where: str) -> Iterator[Problem]:
        yield from one_of(where, "stream", self.stream, get_args(Stream))

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        return (silence(self.label, proxy, self.stream, can),)

    def shows(self, sighting: Sighting) -> bool | None:
        if sighting.server_first and self.stream == "upstream":
            return None  # the server's first bytes pass downstream, with or without the fault
        return sighting.outcome == "silent"

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from observed_silence(link)

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        if self.stream == "downstream" and peer.with_port:
            hosts = ",".join(host.partition(":")[0] for host in peer.hosts)
            return Unsupported(
                what="a rule with a port does not match packets that come from that port",
                fix=f"name the host without its port: {hosts}",
            )
        return NetworkRule(direction=direction_of((self.stream,)), notes=(_NOTE,))

"""`severed`: nothing passes on the path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from chaoslab.errors import Problem
from chaoslab.evidence import observations, sockets
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import NO_CONNECTION_AFFECTED, LinkFault
from chaoslab.faults.cluster import USE_TOXIPROXY, NetworkRule, Peer, Unsupported
from chaoslab.faults.toxics import BOTH, SILENCES, silence
from chaoslab.model.actions import Action, AtHeal, Capability, ConnectPhase, Disable
from chaoslab.model.sighting import Outcome, Sighting
from chaoslab.model.values import one_of, wrong
from chaoslab.reason import Code, Reason

SeveredMode = Literal["dropped", "refused", "silent"]

REFUSALS_NOT_COUNTED = Code(
    "fault.refusals_not_counted",
    "no connection of the app was observed to be affected by it; refused connects cannot be "
    "counted here; fix: use --chaos-runtime=netns or docker, which count them",
    "Nothing shows refused connects: they end before the lab reads the app's sockets, and no "
    "kernel counted packets.",
)
_CANARY: dict[SeveredMode, Outcome] = {
    "dropped": "connect_timeout",
    "refused": "refused",
    "silent": "silent",
}
_CANARY_WAITS_S: dict[SeveredMode, float] = {
    "dropped": 0.03,  # without the fault the kernel connects in microseconds, also when busy
    "refused": 2.0,  # a refusal takes milliseconds; this is for a busy machine
    "silent": 0.1,
}
_WITH_PORT = (
    "The rule names a port, so it drops only what the pod sends. Connects hang and requests are"
    " lost, as in the lab. Answers that the server has already sent may still arrive."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Severed(LinkFault):
    """Nothing passes on the path.

    `dropped`: packets are dropped; new connects hang, and established connections go silent.
    `refused`: new connects are refused, and established connections are reset.
    `silent`: new connects succeed, and no byte passes.

    `at_heal` is what becomes of the connections that are open at the heal. `resume`: held bytes are
    delivered. `reset`: they are reset. `dead`: they stay open and silent for ever, without a FIN or
    an RST to either side, while new connections work.
    """

    mode: SeveredMode = "dropped"
    at_heal: AtHeal = "resume"
    kind: Literal["severed"] = "severed"

    def problems(self, where: str) -> Iterator[Problem]:
        yield from one_of(where, "mode", self.mode, get_args(SeveredMode))
        yield from one_of(where, "at_heal", self.at_heal, get_args(AtHeal))
        if self.mode == "refused" and self.at_heal in ("reset", "dead"):
            expected = "resume: mode refused resets the open connections at its start"
            yield wrong(where, "at_heal", self.at_heal, expected, "use mode dropped or silent")

    @property
    def acts_on_connects(self) -> bool:
        return self.mode != "silent"

    @property
    def drops_every_connect(self) -> bool:
        return self.mode == "dropped"

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        """The actions that sever the path on one proxy. If a proxy server cannot drop SYNs, as
        `dropped` requires, it refuses the action and the scenario is skipped.
        """
        if self.mode == "dropped":
            phase = ConnectPhase(
                proxy=proxy, mode="dropped", established="hold", at_heal=self.at_heal
            )
            return (phase,)
        if self.mode == "silent":
            return tuple(silence(self.label, proxy, way, can, self.at_heal) for way in BOTH)
        if "connect" in can:
            return (ConnectPhase(proxy=proxy, mode="refused", established="reset"),)
        return (Disable(proxy=proxy),)

    @property
    def canary_waits_s(self) -> float:
        return _CANARY_WAITS_S[self.mode]

    def shows(self, sighting: Sighting) -> bool | None:
        return sighting.outcome == _CANARY[self.mode]

    def observed(self, link: LinkView) -> Iterator[Reason]:
        match self.mode:
            case "dropped":
                yield from observations.connects_waiting(link)
                yield from observations.packets_dropped(link)
                yield from observations.bytes_affected(link, "dropped")
            case "refused":
                yield from observations.connections_ended(link, "reset_by_fault")
                if link.has_records:
                    yield from sockets.no_connection_by_records(link)
                else:
                    yield from sockets.all_connections_ended(link)
                yield from observations.connects_refused(link)
                yield from sockets.sessions_ended(link, all_of_them=True)
                yield from observations.connections_metered(link)
            case "silent":
                yield from observed_silence(link)
            case _:
                assert_never(self.mode)

    def not_observed(self, *, packets_counted: bool) -> Reason:
        if self.mode == "refused" and not packets_counted:
            return REFUSALS_NOT_COUNTED()
        return NO_CONNECTION_AFFECTED()

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        if self.at_heal != "resume":
            return Unsupported(
                what="NetworkChaos ends by letting packets pass; old connections then go on",
                fix="export --at-heal resume",
            )
        match self.mode:
            case "refused":
                return Unsupported(
                    what="NetworkChaos drops packets; it cannot refuse a connect or reset a"
                    " connection",
                    fix=f"export --mode dropped, where connects hang instead, or {USE_TOXIPROXY}",
                )
            case "silent":
                return Unsupported(
                    what="NetworkChaos cannot allow a connect and drop the bytes after it",
                    fix=(
                        "export --mode dropped and apply it while the app is connected: its"
                        " connections go silent, and new connects hang; or "
                        f"{USE_TOXIPROXY}"
                    ),
                )
            case "dropped":
                if peer.with_port:
                    return NetworkRule(direction="to", notes=(_WITH_PORT,))
                return NetworkRule(direction="both")
        assert_never(self.mode)


def observed_silence(link: LinkView) -> Iterator[Reason]:
    """Observations on one link that nothing passed in at least one direction, on connections that
    stayed open.
    """
    yield from observations.bytes_affected(link, *SILENCES)
    yield from sockets.sessions_ended(link)
    yield from observations.connections_metered(link)
    if not link.has_records:
        yield from sockets.opened_or_given_up(link)

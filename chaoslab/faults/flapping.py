"""`flapping`: the path is severed and restored in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence import sockets
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import LinkFault, Turns
from chaoslab.faults.cluster import NetworkRule, Peer, Unsupported
from chaoslab.faults.severed import Severed, SeveredMode
from chaoslab.model.actions import Action, Capability
from chaoslab.model.sighting import Sighting
from chaoslab.model.values import above, wrong
from chaoslab.reason import Reason

SPREAD = 0.2
_SHORTEST_CUT_S = 5.0  # the controller itself takes seconds to put rules in force and to heal
_NOTES = (
    "Severed for the same share of every period: the lab varies it by 20 %, a Schedule cannot.",
    "A Schedule has no end of its own: it goes on until it is deleted. Its first cut comes one"
    " period after it was applied.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping(LinkFault):
    """Severed and restored in turn: severed for `duty` of each `period_s`, ± 20 % by the seed."""

    period_s: float
    duty: float = 0.5
    mode: SeveredMode = "refused"
    kind: Literal["flapping"] = "flapping"

    # its toxics would be there for the connection that triggers them, and its turns would not
    starts_at_connection: ClassVar[bool] = False
    path_returns_before_heal: ClassVar[bool] = True

    def problems(self, where: str) -> Iterator[Problem]:
        yield from self.severed.problems(where)
        yield from above(where, 0, period_s=self.period_s, duty=self.duty)
        if self.duty >= 1:
            yield wrong(where, "duty", self.duty, "below 1", "use Severed instead")

    @property
    def severed(self) -> Severed:
        """What it is in each of its severed phases."""
        return Severed(target=self.target, name=self.label, mode=self.mode)

    @property
    def turns(self) -> Turns:
        severed_s = self.period_s * self.duty
        return Turns(in_force_s=severed_s, out_s=self.period_s - severed_s, spread=SPREAD)

    @property
    def acts_on_connects(self) -> bool:
        return self.severed.acts_on_connects

    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        return self.severed.actions(proxy, can)

    @property
    def canary_waits_s(self) -> float:
        return self.severed.canary_waits_s

    def shows(self, sighting: Sighting) -> bool | None:
        return self.severed.shows(sighting)

    def observed(self, link: LinkView) -> Iterator[Reason]:
        yield from self.severed.observed(link)
        if self.mode == "refused":
            yield from sockets.all_lost_at_once(link)

    def not_observed(self, *, packets_counted: bool) -> Reason:
        return self.severed.not_observed(packets_counted=packets_counted)

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        """A Schedule of Severed; only periods that a Schedule can follow."""
        rule = self.severed.chaos_mesh(peer)
        if isinstance(rule, Unsupported):
            return rule
        shortest_s = self.period_s * min(self.duty, 1 - self.duty)
        if self.period_s != round(self.period_s) or shortest_s < _SHORTEST_CUT_S:
            return Unsupported(
                what=f"a Schedule cannot follow {self.duty:g} of every {self.period_s:g} s",
                fix=(
                    f"whole seconds, of which at least {_SHORTEST_CUT_S:g} are severed and as many"
                    " are not; the controller takes seconds for either"
                ),
            )
        return NetworkRule(direction=rule.direction, notes=(*_NOTES, *rule.notes))

"""`flapping`: the path is severed and restored in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence import sockets
from chaoslab.evidence.links import LinkView
from chaoslab.faults.base import LinkFault, Phases
from chaoslab.faults.cluster import NetworkRule, Peer, Unsupported
from chaoslab.faults.severed import Severed, SeveredMode
from chaoslab.model.actions import Action, Capability
from chaoslab.model.sighting import Sighting
from chaoslab.model.values import above, wrong
from chaoslab.reason import Reason

SPREAD = 0.2
_SHORTEST_PHASE_S = 5.0  # the controller of Chaos Mesh takes seconds to apply and to remove rules
_NOTES = (
    "Every period is the same here. The lab varies each phase by 20 %; a Schedule cannot.",
    "A Schedule runs until you delete it. The path is first severed one period after you apply it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping(LinkFault):
    """The path is severed for the fraction `duty` of each `period_s`, and works in between.

    Each phase is up to 20 % longer or shorter, by a random factor from the run's seed.
    """

    period_s: float
    duty: float = 0.5
    mode: SeveredMode = "refused"
    kind: Literal["flapping"] = "flapping"

    # the engine can start its toxics at a connection, and cannot start its phases
    starts_at_connection: ClassVar[bool] = False
    path_returns_before_heal: ClassVar[bool] = True

    def problems(self, where: str) -> Iterator[Problem]:
        yield from self.severed.problems(where)
        yield from above(where, 0, period_s=self.period_s, duty=self.duty)
        if self.duty >= 1:
            yield wrong(where, "duty", self.duty, "below 1", "use Severed instead")

    @property
    def severed(self) -> Severed:
        """The fault that is in force during a severed phase."""
        return Severed(target=self.target, name=self.label, mode=self.mode)

    @property
    def phases(self) -> Phases:
        severed_s = self.period_s * self.duty
        return Phases(in_force_s=severed_s, out_s=self.period_s - severed_s, spread=SPREAD)

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
        """The rule for the severed phase, which is exported as a Schedule. Unsupported if a
        Schedule cannot keep the period, or if Chaos Mesh cannot sever the path in this mode.
        """
        rule = self.severed.chaos_mesh(peer)
        if isinstance(rule, Unsupported):
            return rule
        shortest_s = self.period_s * min(self.duty, 1 - self.duty)
        if self.period_s != round(self.period_s) or shortest_s < _SHORTEST_PHASE_S:
            return Unsupported(
                what=(
                    f"a Schedule cannot keep a period of {self.period_s:g} s with duty"
                    f" {self.duty:g}: the controller takes seconds to change a rule"
                ),
                fix=(
                    "use a period in whole seconds, of which the path is severed for at least"
                    f" {_SHORTEST_PHASE_S:g} s and works for at least {_SHORTEST_PHASE_S:g} s"
                ),
            )
        return NetworkRule(direction=rule.direction, notes=(*_NOTES, *rule.notes))

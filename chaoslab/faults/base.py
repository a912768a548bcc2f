"""What a fault is: a declared fault with its actions, its canary, its evidence and its export.

Each module beside this one holds one kind, called like the kind. `chaoslab.injection` carries out
the actions that are data here; nothing in this room acts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.evidence.links import LinkView
from chaoslab.faults.cluster import NetworkRule, Peer, Unsupported
from chaoslab.model.actions import Action, Capability, ServiceAct
from chaoslab.model.faults import Declared
from chaoslab.model.sighting import REACHED, Outcome, Sighting
from chaoslab.reason import Code, Reason

MutationKind = Literal["inert", "bypassed", "inert-to-app"]

NOT_OBSERVED = Code(
    "fault.no_connection_affected",
    "no connection of the app was observed to be affected by it",
    "The fault was in force, and no record shows that it affected the app.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """A fault that is put in force and taken back in turn, until it is healed.

    Each length is varied by a factor of 1 ± `spread`, drawn from the run's seed.
    """

    in_force_s: float
    out_s: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Declared, ABC):
    """One kind of fault, all of it: a new kind is a class, in a module and a line of the table."""

    # how the self-test can disable it
    mutations: ClassVar[tuple[MutationKind, ...]]

    @property
    @abstractmethod
    def canary_waits_s(self) -> float:
        """How long a canary must wait to tell this fault from a path that works, in seconds."""

    @abstractmethod
    def shows(self, sighting: Sighting) -> bool | None:
        """Whether a canary's sighting is this fault in force; None where a canary cannot tell."""

    @abstractmethod
    def observed(self, link: LinkView) -> Iterator[Reason]:
        """What shows that it affected the app on this link."""

    def not_observed(self, *, packets_counted: bool) -> Reason:
        """What is missing where nothing was observed; `packets_counted`: a kernel counted them."""
        return NOT_OBSERVED()

    @abstractmethod
    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        """What it is for Chaos Mesh on a path to `peer`, or why it is not supported there."""

    @property
    def turns(self) -> Turns | None:
        """How it alternates; None for a fault that is in force for its whole time."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFault(Fault):
    """A fault on the network: acts on the proxy of each link that its target names."""

    mutations: ClassVar[tuple[MutationKind, ...]] = ("inert", "bypassed", "inert-to-app")
    starts_at_connection: ClassVar[bool] = True

    @abstractmethod
    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        """What puts it in force on one proxy, for a server that `can` do these things.

        Undoing the same actions heals it. An action that the server cannot do is refused there, and
        the scenario is skipped: no fault is replaced by another.
        """

    @property
    def canary_waits_s(self) -> float:
        return 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFault(Fault):
    """A fault of a service itself: every path to it is affected, past any proxy too."""

    targets_service: ClassVar[bool] = True
    mutations: ClassVar[tuple[MutationKind, ...]] = ("inert",)

    begins: ClassVar[tuple[ServiceAct, ...]]  # in this order
    heals: ClassVar[tuple[ServiceAct, ...]] = ()
    # from when it counts as in force: from before its first act, or from after its last
    in_force_from: ClassVar[Literal["before", "after"]] = "after"
    canary: ClassVar[Outcome]

    @property
    def canary_waits_s(self) -> float:
        return 2.0  # a refusal or an answer comes at once; only a starved machine takes longer

    def shows(self, sighting: Sighting) -> bool | None:
        if self.canary == "answered":  # a kind that asks no question shows as much by accepting
            return sighting.outcome in REACHED
        return sighting.outcome == self.canary

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        return Unsupported(
            what="a fault on a service is no fault on a network",
            fix=(
                "use PodChaos (pod-kill, pod-failure, container-kill) on its pods, or export"
                f" 'severed {self.target}', which the app cannot tell from a frozen service"
            ),
        )

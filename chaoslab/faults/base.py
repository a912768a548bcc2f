"""The base classes of faults: what a kind of fault defines, from its actions to its export. Pure.

Each kind is a module of this package, with the same name. A fault describes its actions as data;
`chaoslab.injection` carries them out.
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

NO_CONNECTION_AFFECTED = Code(
    "fault.no_connection_affected",
    "no connection of the app was observed to be affected by it",
    "The fault was in force, and no record shows that it affected the app.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """The phases of a fault that alternates between in force and not in force until it is healed.

    Each phase is longer or shorter by a random factor of 1 ± `spread`, drawn from the run's seed.
    """

    in_force_s: float
    out_s: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Declared, ABC):
    """One kind of fault. A new kind is one subclass in its own module, and a line in `KINDS`."""

    # a canary is sent to observe it; if not, it is in force as soon as it is read back
    asks_canary: ClassVar[bool] = True
    # the ways in which the self-test can disable it
    mutations: ClassVar[tuple[MutationKind, ...]]

    @property
    @abstractmethod
    def canary_waits_s(self) -> float:
        """How many seconds a canary must wait to observe whether the fault is in force."""

    @abstractmethod
    def shows(self, sighting: Sighting) -> bool | None:
        """Whether `sighting`, what a canary observed, shows that the fault is in force. None if the
        canary cannot observe it.
        """

    @abstractmethod
    def observed(self, link: LinkView) -> Iterator[Reason]:
        """Each observation that shows that the fault affected the app on `link`."""

    def unreadable(self, link: LinkView) -> Reason | None:
        """Why the records of `link` cannot show the fault. None if they can."""
        return None

    def not_observed(self, *, packets_counted: bool) -> Reason:
        """Why no effect on the app was observed. `packets_counted` is whether the kernel counted
        packets.
        """
        return NO_CONNECTION_AFFECTED()

    @abstractmethod
    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        """The fault as a rule for Chaos Mesh on the path to `peer`, or why that is unsupported."""

    @property
    def phases(self) -> Phases | None:
        """The phases of a fault that alternates; None for a fault that stays in force until it is
        healed.
        """
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFault(Fault):
    """A fault on the network. It acts on the proxy of each link that its target names."""

    mutations: ClassVar[tuple[MutationKind, ...]] = ("inert", "bypassed", "inert-to-app")
    starts_at_connection: ClassVar[bool] = True

    @abstractmethod
    def actions(self, proxy: str, can: frozenset[Capability]) -> tuple[Action, ...]:
        """The actions that put the fault in force on one proxy. `can` is what the proxy server
        supports.

        The lab heals the fault by undoing the same actions. If the proxy server does not support an
        action, the scenario is skipped. A fault is never replaced by another fault.
        """

    @property
    def canary_waits_s(self) -> float:
        return 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFault(Fault):
    """A fault of a service itself. It affects every path to the service, also one that bypasses the
    proxy.
    """

    targets_service: ClassVar[bool] = True
    mutations: ClassVar[tuple[MutationKind, ...]] = ("inert",)

    begins: ClassVar[tuple[ServiceAct, ...]]  # in this order
    heals: ClassVar[tuple[ServiceAct, ...]] = ()
    # whether it counts as in force from before its first act, or from after its last
    in_force_from: ClassVar[Literal["before", "after"]] = "after"
    canary: ClassVar[Outcome]

    @property
    def canary_waits_s(self) -> float:
        return 2.0  # a refusal or an answer takes milliseconds; this is for a busy machine

    def shows(self, sighting: Sighting) -> bool | None:
        if self.canary == "answered":  # some kinds of service have no question: accepting is enough
            return sighting.outcome in REACHED
        return sighting.outcome == self.canary

    def chaos_mesh(self, peer: Peer) -> NetworkRule | Unsupported:
        return Unsupported(
            what="this fault acts on a service, and NetworkChaos acts on a network",
            fix=(
                "use PodChaos (pod-kill, pod-failure, container-kill) on the pods of the service,"
                f" or export 'severed {self.target}', which looks to the app like a frozen service"
            ),
        )

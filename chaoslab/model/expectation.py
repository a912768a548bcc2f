"""What a plan needs to know about its expectations. Plain data.

The package `chaoslab.expectations` has the kinds, one module each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.model.health import HealthState

if TYPE_CHECKING:
    from chaoslab.model.plan import Plan
    from chaoslab.model.topology import App, Topology

# What the lab must watch for an expectation, besides health, sockets and the load's writes.
Watch = Literal["liveness", "readiness", "server_clients", "connects", "cost", "deliveries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofWanted:
    """A write that the lab sends after the last heal, once health is healthy for `stable_s`
    seconds. The app must acknowledge it within `within_s` seconds. With `over_boots` that may be
    any boot that the app's supervisor started.
    """

    within_s: float
    stable_s: float
    over_boots: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was observed so far of one boot. Times are in seconds since the lab's start. A time that
    was not observed is minus infinity, or None for `complete_s`. `starting`: the app's time to
    start is not over. `in_force_s` maps each fault that was requested, or is in force, to the time
    when that was recorded.
    """

    now_s: float
    starting: bool
    spawned_s: float
    complete_s: float | None
    healed_s: float
    in_force_s: Mapping[str, float]
    state: HealthState | None
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The plan and topology that an expectation belongs to. `where` names the expectation, as in
    `plan x: expect[0]`.
    """

    where: str
    plan: Plan
    topology: Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One claim about one app.

    `rests_on` names the faults that must be observed to affect the app, or the verdict is UNKNOWN.
    None means every fault of the plan. `app` may be left out if the topology has only one app.
    """

    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: str = ""

    # what the lab must watch for it
    watches: ClassVar[frozenset[Watch]] = frozenset()
    # whether the lab must look up each write of the load in the database
    keeps_writes: ClassVar[bool] = False
    # whether it expects that the app ends by itself
    expects_end: ClassVar[bool] = False
    # whether it is judged by requests of a load
    judged_by_requests: ClassVar[bool] = False

    @property
    def of_boot(self) -> int:
        """The number of the boot that the expectation is about, from 1. 0 means any boot."""
        return int(getattr(self, "boot", 0))

    @property
    def named_faults(self) -> tuple[str, ...]:
        """The labels of the faults that the expectation names in other fields than `rests_on`."""
        return ()

    @property
    def proof(self) -> ProofWanted | None:
        """The write that the lab must send for the expectation. None if it needs none."""
        return None

    @property
    def start_mode(self) -> str | None:
        """What the expectation requires of a start: a mode such as `degraded`, `any`, or `end` if
        the app must end. None if the expectation is not about a start.
        """
        return None

    @property
    def needs_writes(self) -> bool:
        """Whether the app needs a write that the lab can look up."""
        return self.keeps_writes or self.proof is not None

    def faults_rested_on(self) -> frozenset[str]:
        """The labels of all faults that the expectation names, in `rests_on` and in its other
        fields.
        """
        return frozenset({*(self.rests_on or ()), *filter(None, self.named_faults)})

    def problems(self, place: Place) -> Iterator[Problem]:
        """A problem for every value of the expectation that cannot be judged, and for everything
        that it needs and the plan does not have.
        """
        del place
        yield from ()

    def with_faults(self, labels: tuple[str, ...]) -> Self:
        """A copy that rests on the faults `labels`. The expectation itself if its `rests_on` is not
        None.
        """
        return self if self.rests_on is not None else replace(self, rests_on=labels)

    def resolved(self, app: App) -> Self:
        """A copy for this app. Bounds that are None are filled in from the app's deadlines and
        limits.
        """
        return replace(self, app=app.name)

    def awaits(self, seen: Seen) -> bool:
        """Whether the expectation waits for a change of the app's health now. The lab then sends
        requests for health more often. `seen` is what was observed so far.
        """
        del seen
        return False

    def longest_s(self, place: Place) -> float:
        """The longest time in seconds that a run may wait for the expectation. 0 if it has no such
        time.
        """
        del place
        return getattr(self, "within_s", None) or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownExpectation(Expected):
    """An expectation of a saved plan whose kind is not installed. Its verdict is UNKNOWN."""

    values: Mapping[str, object] = field(default_factory=dict)

"""What every expectation of a plan has, as far as the plan itself is concerned. Pure data.

The kinds stand in `chaoslab.expectations`, one module each; a plan holds any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Self

from chaoslab.errors import Problem
from chaoslab.model.health import HealthState

if TYPE_CHECKING:
    from chaoslab.model.plan import Plan
    from chaoslab.model.topology import App, Topology

# What the lab has to watch for an expectation, beyond health, sockets and the load's writes.
Watch = Literal["liveness", "readiness", "server_clients", "connects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofWanted:
    """A write of the lab's own after the last heal, once health is healthy for `stable_s`."""

    within_s: float
    stable_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What has been seen so far of the boot of an app: times in seconds since the lab's start,
    infinitely long ago where something has not come. `starting`: the time that the app promises for
    a start is not over. `in_force_s` has the faults in force, and since when.
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
    """Where an expectation stands: `where` names it in messages, as in `plan x: expect[0]`."""

    where: str
    plan: Plan
    topology: Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One claim about one app.

    `rests_on` names the faults that must be observed to affect the app for the verdict to mean
    anything; None means every fault of the plan. `app` may be left out where there is only one.
    """

    rests_on: tuple[str, ...] | None = None
    app: str = ""
    kind: str = ""

    @property
    def of_boot(self) -> int:
        """The boot that it is about, from 1; 0 for any."""
        return int(getattr(self, "boot", 0))

    @property
    def named_faults(self) -> tuple[str, ...]:
        """The faults that it names itself, whatever `rests_on` says."""
        return ()

    @property
    def watches(self) -> frozenset[Watch]:
        """What the lab has to watch for it."""
        return frozenset()

    @property
    def proof(self) -> ProofWanted | None:
        """The proof that the lab has to bring for it; None for none."""
        return None

    @property
    def keeps_writes(self) -> bool:
        """Whether each write of the load is looked up for it."""
        return False

    @property
    def expects_end(self) -> bool:
        """Whether the app is meant to end by itself."""
        return False

    @property
    def start_mode(self) -> str | None:
        """The state that it wants of a start, `any` for either; None: it is about no start."""
        return None

    @property
    def needs_writes(self) -> bool:
        """Whether it is judged by writes, so that the app must declare how it writes."""
        return False

    def faults_rested_on(self) -> frozenset[str]:
        """The labels of the faults that it rests on once resolved, those it names included."""
        return frozenset({*(self.rests_on or ()), *filter(None, self.named_faults)})

    def problems(self, place: Place) -> Iterator[Problem]:
        """Every value that cannot be judged as it is written, and what it lacks in this plan."""
        del place
        yield from ()

    def with_faults(self, labels: tuple[str, ...]) -> Self:
        """The same resting on all faults of the plan, by their labels, where it names none."""
        return self if self.rests_on is not None else replace(self, rests_on=labels)

    def resolved(self, app: App) -> Self:
        """The same with each bound that was left out, from the app's deadlines or limits."""
        return replace(self, app=app.name)

    def awaits(self, seen: Seen) -> bool:
        """Whether an answer of health is awaited for it now, so that the app is asked often."""
        del seen
        return False

    def longest_s(self, place: Place) -> float:
        """The most seconds that a run may have to wait for it alone."""
        del place
        return getattr(self, "within_s", None) or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownExpectation(Expected):
    """One of a saved plan whose kind no installed package has: its verdict is UNKNOWN."""

    values: Mapping[str, object] = field(default_factory=dict)

"""The shape of an expectation: one module a claim, found by its kind in `registry`. Pure.

A claim is a frozen dataclass. What the plan needs of it stands in `Expected`; here is how it is
judged by a history, what a run waits for on its account, and when a slow machine excuses it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from chaoslab.evidence.given import Given
from chaoslab.faults.evidence import Evidence
from chaoslab.history.journal import History
from chaoslab.model.expectation import Expected
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Verdict
from chaoslab.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a verdict is made from: the resolved plan, the topology, and what happened."""

    topology: Topology
    plan: Plan
    history: History

    def app(self, name: str) -> App:
        """An app of the topology."""
        return self.topology.apps[name]

    def of(self, name: str) -> Run:
        """The same with the cadence at which that app was asked."""
        sampling = self.plan.sampling.of(self.app(name))
        return replace(self, plan=replace(self.plan, sampling=sampling))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation(Expected):
    """One claim about one app, judged by one verdict that bears its kind as its name."""

    # True: a FAIL counts events, so it is kept even if the lab lagged.
    counted: ClassVar[bool] = False
    # False: a slow machine never excuses a failure of this claim.
    excusable: ClassVar[bool] = True
    # True: the run waits for the start-up even if the fault was not put in force.
    of_start: ClassVar[bool] = False

    @abstractmethod
    def judged(self, run: Run) -> Verdict:
        """What the app did, by itself: the judge weighs it against the evidence afterwards."""

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """What the run still has to wait for at `now_s`, in a few words; None once it is enough."""
        del run, now_s
        return None

    def given(self, run: Run) -> Iterator[Given]:
        """The times within which the app has to do something. If the app had that much time, not
        counting its waits for a core, a failure is its own.
        """
        del run
        yield from ()

    def excuse(self, run: Run) -> Reason | None:
        """Why a failure may be the machine's, by a rule of its own; None where it is not."""
        del run
        return None

    @property
    def own_excuse(self) -> bool:
        """Whether `excuse` takes the place of the usual rule."""
        return type(self).excuse is not Expectation.excuse

    def given_more(self, more_s: float) -> Self:
        """The same with so many seconds more for what it bounds; itself where it bounds nothing."""
        del more_s
        return self

    def unobserved(self, evidence: Evidence, app: App) -> Reason | None:
        """What is missing in the evidence of one fault, beyond that it affected the app at all."""
        del evidence, app
        return None


def with_startup(topology: Topology, name: str, more_s: float) -> Topology:
    """The topology with so many seconds more for an app's start-up."""
    app = topology.apps[name]
    startup_s = app.deadlines.startup_s + more_s
    longer_app = replace(app, deadlines=replace(app.deadlines, startup_s=startup_s))
    return replace(topology, apps={**topology.apps, name: longer_app})

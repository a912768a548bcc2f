"""The base class of expectations: how one claim is judged, and what a run waits for. Pure.

Each kind is a module of this package, with the same name. What a plan needs to know of a claim is
in `Expected`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from chaoslab.errors import Problem
from chaoslab.evidence.as_one_boot import as_one_boot
from chaoslab.evidence.given import Given
from chaoslab.evidence.stopping import until_stop
from chaoslab.evidence.timeline import run_ended
from chaoslab.expectations import needs
from chaoslab.faults.evidence import Evidence
from chaoslab.history.journal import History
from chaoslab.model.expectation import Expected, Place
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Verdict
from chaoslab.reason import Reason

AppDefaults = Mapping[str, Callable[[App], Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The input of a verdict: topology, resolved plan and history."""

    topology: Topology
    plan: Plan
    history: History

    @property
    def was_cut_short(self) -> bool:
        """Whether the run has no end in the history, or ended before every expectation could be
        judged.
        """
        ended = run_ended(self.history)
        return ended is None or not ended.settled

    def app(self, name: str) -> App:
        """The app of the topology with this `name`."""
        return self.topology.apps[name]

    def of(self, name: str) -> Run:
        """The same run, with the plan's sampling as the lab applied it to the app `name`."""
        sampling = self.plan.sampling.of(self.app(name))
        return replace(self, plan=replace(self.plan, sampling=sampling))

    def seen_by(self, e: Expectation) -> Run:
        """The run as the claim `e` sees it: that of its app, until a request of the plan to stop
        the app, unless the claim is also about what comes after it. A claim over boots sees the
        restarts by the app's supervisor as one boot.
        """
        run = self.of(e.app)
        if not e.of_stop:
            run = replace(run, history=until_stop(run.history, e.app))
        return replace(run, history=e.seen_in(run.history)) if e.over_boots else run


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation(Expected):
    """One claim about one app. It leads to one verdict, which has the kind as its name."""

    # True: a FAIL counts events, so it is kept even if the lab lagged.
    counted: ClassVar[bool] = False
    # False: a slow machine never excuses a failure of this claim.
    excusable: ClassVar[bool] = True
    # True: the run waits for the start-up even if the fault was not put in force.
    of_start: ClassVar[bool] = False
    # True: the claim is about the app: its boot, and the restarts by its supervisor after it.
    over_boots: ClassVar[bool] = False
    # True: the claim is also about what the app does after the plan's request to stop it.
    of_stop: ClassVar[bool] = False
    # Fields that may be None in a scenario, with the app's own value for each.
    app_defaults: ClassVar[AppDefaults] = {}

    def problems(self, place: Place) -> Iterator[Problem]:
        """Yields a problem for each value of the claim that is wrong in this plan; by default only
        bounds and boots are checked.
        """
        yield from needs.bounds(place, self)

    def resolved(self, app: App) -> Self:
        values = {
            name: of_app(app)
            for name, of_app in self.app_defaults.items()
            if getattr(self, name) is None
        }
        return replace(self, app=app.name, **values)

    @abstractmethod
    def judged(self, run: Run) -> Verdict:
        """The verdict on what the app did in `run`. Afterwards the judge compares this verdict with
        the evidence that the faults affected the app.
        """

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A short text that says what the run must still wait for at the time `now_s`; None if
        nothing.
        """
        del run, now_s
        return None

    def given(self, run: Run) -> Iterator[Given]:
        """Yields the times within which the app has to do something.

        If the app had each of these times in full, not counting its waits for a processor core, a
        failure is the app's own.
        """
        del run
        yield from ()

    def excuse(self, run: Run) -> Reason | None:
        """The reason why the machine may be the cause of a failure, by a rule that only this kind
        of claim has; None if the machine is not the cause, or if there is no such rule.
        """
        del run
        return None

    def seen_in(self, history: History) -> History:
        """The history in which the claim finds what its boot did, and what affected it: that of a
        claim over boots has the boot and its restarts as one.
        """
        if not self.over_boots:
            return history
        return as_one_boot(self.app, self.of_boot, history, to_the_end=self.judged_by_requests)

    @property
    def own_excuse(self) -> bool:
        """Whether this kind of claim has its own `excuse`, which replaces the usual rule."""
        return type(self).excuse is not Expectation.excuse

    def given_more(self, more_s: float) -> Self:
        """A copy of the claim with `more_s` seconds more for its bound; the claim itself for a kind
        whose bound is not extended.
        """
        del more_s
        return self

    def unobserved(self, evidence: Evidence, app: App) -> Reason | None:
        """The reason that names what this claim needs in the evidence of one fault and does not
        find; None if nothing is missing.

        That the fault affected the app at all is checked for every claim, not here.
        """
        del evidence, app
        return None


def with_startup(topology: Topology, name: str, more_s: float) -> Topology:
    """A copy of the topology with `more_s` seconds more for the start-up of the app `name`."""
    app = topology.apps[name]
    startup_s = app.deadlines.startup_s + more_s
    longer_app = replace(app, deadlines=replace(app.deadlines, startup_s=startup_s))
    return replace(topology, apps={**topology.apps, name: longer_app})

"""`restarts_slowly`: under a fault an app is not restarted again and again at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import NEVER_SPAWNED, NOT_IN_FORCE, last_log_line, process_exit
from chaoslab.evidence.supervision import excuse_of_exit
from chaoslab.evidence.timeline import Span, around_span, exited, restarts, run_ended
from chaoslab.evidence.traffic import most_within
from chaoslab.evidence.until_heal import CUT_SHORT
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import Exited, FaultHealing, Spawned
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.values import above, wrong
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

RESTARTS = Code(
    "supervisor.restarts_under_fault",
    "while {fault} was in force the supervisor restarted the app {count} times, at most {most} "
    "times in any {window_s:g} s",
    "How often the app's supervisor restarted it while the fault was in force, and the most often "
    "in one window.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartsSlowly(Expectation):
    """While `fault` is in force the app's supervisor restarts it at most `at_most` times in any
    `window_s` seconds. An empty `fault` means the first of the plan.

    Restarts that follow each other at once are a storm: each start costs the machine, and meets a
    service that is about to come back. Source of the bounds: systemd gives up after 5 starts in
    10 s (`StartLimitBurst=`).
    """

    at_most: int = 5
    window_s: float = 10.0
    fault: str = ""
    kind: Literal["restarts_slowly"] = "restarts_slowly"

    counted: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from above(place.where, 0, window_s=self.window_s)
        yield from needs.a_fault(place, self)
        mine = [f for f in place.plan.faults if f.label == self.fault or not self.fault][:1]
        yield from needs.healed(place, self, mine)
        allowed = needs.most_restarts(place, self)
        if not 0 <= self.at_most < allowed:
            expected = f"0 or more, and less than the supervisor allows ({allowed})"
            fix = "give the app a supervisor, or the plan boots=[Boot(supervisor=Supervisor())]"
            yield wrong(place.where, "at_most", self.at_most, expected, fix)

    @property
    def named_faults(self) -> tuple[str, ...]:
        return (self.fault,)

    def with_faults(self, labels: tuple[str, ...]) -> Self:
        rests_on = labels if self.rests_on is None else self.rests_on
        return replace(self, rests_on=rests_on, fault=self.fault or next(iter(labels), ""))

    def excuse(self, run: Run) -> Reason | None:
        """The reason why the machine may be the cause of the restarts; None if there were too many
        of boots that had enough time.
        """
        app, history = run.app(self.app), run.history
        span = around_span(history, self.fault)
        if span is None:
            return None
        each = [
            (again.at_s, excuse_of_exit(self.app, ended.boot, app, history))
            for again, ended in _restarts(self, span, history)
        ]
        own_s = [at_s for at_s, why in each if why is None]
        if most_within(own_s, self.window_s) > self.at_most:
            return None
        return next((why for _, why in each if why is not None), None)

    def judged(self, run: Run) -> Verdict:
        history = run.history
        claim = (
            f"under {self.fault} {self.app} is restarted at most {self.at_most} times in any "
            f"{self.window_s:g} s"
        )
        if history.first(Spawned, lambda s: s.app == self.app) is None:
            return unknown(self.kind, claim, NEVER_SPAWNED(app=self.app, boot=1))
        span = around_span(history, self.fault)
        if span is None:
            return unknown(self.kind, claim, NOT_IN_FORCE(fault=self.fault))
        found = _restarts(self, span, history)
        most = most_within([again.at_s for again, _ in found], self.window_s)
        seen = RESTARTS(fault=self.fault, count=len(found), most=most, window_s=self.window_s)
        if most > self.at_most:
            last = found[-1][1]
            return failed(self.kind, claim, seen, process_exit(last), last_log_line(last))
        if not _held(self, history):
            return unknown(self.kind, claim, CUT_SHORT(fault=self.fault), seen)
        return passed(self.kind, claim, seen)


def _restarts(e: RestartsSlowly, span: Span, history: History) -> list[tuple[Spawned, Exited]]:
    """The restarts in the time `span`, each with the exit before it."""
    mine = restarts(history, e.app, span)
    each = ((s, exited(history, e.app, s.boot - 1)) for s in mine)
    return [(again, ended) for again, ended in each if ended is not None]


def _held(e: RestartsSlowly, history: History) -> bool:
    """Whether the fault was in force for as long as the plan wanted: a run that is cut short heals
    it too early.
    """
    healing = history.first(FaultHealing, lambda h: h.fault == e.fault)
    end = run_ended(history)
    return healing is not None and (end is None or end.settled)

"""`stays_available`: health answers 2xx from the end of start-up on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.evidence.given import Given, completed, settling_start
from chaoslab.evidence.reasons import (
    CUT_SHORT,
    FEW_ANSWERS,
    NEVER_COMPLETE,
    NEVER_SPAWNED,
    NOT_ASKED,
    health_answer,
    process_exit,
)
from chaoslab.evidence.settling import (
    before_settling,
    has_to_settle,
    settled_from,
)
from chaoslab.evidence.starting import is_past, watched_to
from chaoslab.evidence.timeline import (
    SERVING,
    Span,
    answered_s,
    asking,
    exited,
    exited_by,
    gap,
    not_asked_at,
    not_asked_until,
    run_ended,
    samples,
    silence_s,
    spawned,
    watched_until_s,
)
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import HealthSample
from chaoslab.history.journal import History
from chaoslab.model.expectation import Seen
from chaoslab.model.health import HealthState
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

STEADY = Code(
    "health.steady",
    "{count} answers, all {state}",
    "Every answer of health since the end of start-up was as the claim expects.",
)
SETTLED = Code(
    "health.settled",
    "degraded at {degraded_s:.3f} s, healthy from {healthy_s:.3f} s on",
    "Health was degraded before its first healthy answer, within the time for the start-up.",
)
MIN_SAMPLES = 3  # fewer answers do not show that the app stays available


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysAvailable(Expectation):
    """From the end of start-up to the run's end every answer of health is 2xx, and healthy if
    `healthy` is set.

    Before its first healthy answer the app may be degraded, within its deadline for the start-up.
    """

    healthy: bool = True
    boot: int = 1
    kind: Literal["stays_available"] = "stays_available"

    def awaits(self, seen: Seen) -> bool:
        """Whether `healthy` is set, the app is not healthy, and it still has time for its start."""
        return self.healthy and seen.starting and seen.state is not HealthState.HEALTHY

    def given(self, run: Run) -> Iterator[Given]:
        # a slow machine may be why the start-up did not complete, or ended degraded
        complete = completed(self.app, self.boot, run.history)
        if self.healthy or complete is None:
            limits = run.app(self.app).deadlines
            yield from settling_start(
                self.app,
                self.boot,
                limits.startup_s,
                limits.gives_up_s,
                run.history,
                settles=complete is not None and has_to_settle(self, complete),
            )

    def judged(self, run: Run) -> Verdict:
        app, history = run.app(self.app), run.history
        what = "healthy" if self.healthy else "available"
        claim = f"{self.app} stays {what} from the end of start-up on"
        complete, ended = completed(self.app, self.boot, history), run_ended(history)
        if gone := exited_by(ended.at_s if ended else 0.0, self, history):
            return failed(self.kind, claim, process_exit(gone))
        if complete is None:
            return _never_started(self, claim, app, history)
        seen = [s for s in samples(history, self.app, self.boot) if s.at_s >= complete.at_s]
        good = {HealthState.HEALTHY} if self.healthy else SERVING
        first = settled_from(self, complete, seen, app.deadlines.startup_s, history)
        early = before_settling(seen, first) if first else []
        if bad := next((s for s in seen if s.state not in good and s not in early), None):
            settling = first is None and bad.state in SERVING and has_to_settle(self, complete)
            if settling and (early_end := _may_settle(self, app, seen, history)):
                return unknown(self.kind, claim, early_end, health_answer(bad))
            return failed(self.kind, claim, health_answer(bad))
        if len(seen) < MIN_SAMPLES:
            return unknown(self.kind, claim, FEW_ANSWERS(count=len(seen), required=MIN_SAMPLES))
        if pause := gap(map(asking, seen), silence_s(run.plan.sampling)):
            return unknown(self.kind, claim, NOT_ASKED(start_s=pause.start_s, end_s=pause.end_s))
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT())
        steady = STEADY(count=len(seen) - len(early), state=what)
        if not (first and early):
            return passed(self.kind, claim, steady)
        settled = SETTLED(degraded_s=early[0].at_s, healthy_s=answered_s(first))
        return passed(self.kind, claim, steady, settled)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says what the run still waits for: the start-up, until its time is over, and
        then enough answers of health. None if nothing.
        """
        plan, history, startup_s = run.plan, run.history, run.app(self.app).deadlines.startup_s
        begun, ended = spawned(history, self.app, self.boot), exited(history, self.app, self.boot)
        if begun is None or ended is not None:
            return None if ended else f"boot {self.boot} of {self.app}"
        given = Span(start_s=begun.at_s, end_s=begun.at_s + startup_s)
        complete = completed(self.app, self.boot, history)
        if complete is None:
            late = is_past(now_s, given, self, plan, history)
            return None if late else f"the start-up of {self.app}"
        seen = [s for s in samples(history, self.app, self.boot) if s.at_s >= complete.at_s]
        if has_to_settle(self, complete) and not is_past(now_s, given, self, plan, history):
            if (first := settled_from(self, complete, seen, startup_s, history)) is None:
                return f"{self.app} to be healthy"
            seen = [s for s in seen if s.at_s >= first.at_s]
        return None if len(seen) >= MIN_SAMPLES else f"{MIN_SAMPLES} health answers of {self.app}"


def _may_settle(
    e: StaysAvailable, app: App, seen: list[HealthSample], history: History
) -> Reason | None:
    """The reason why an app that was not healthy may still have become healthy within its time for
    the start. None if it was watched and asked to the end of that time, or became healthy and then
    not healthy again.
    """
    begun = spawned(history, e.app, e.boot)
    due_s = begun.at_s + app.deadlines.startup_s if begun else 0.0
    if early := watched_to(e, history, due_s):
        return early
    healthy = next((s for s in seen if s.state is HealthState.HEALTHY), None)
    if healthy is None:
        return not_asked_until(seen, due_s)
    later = (s for s in seen if s.at_s >= answered_s(healthy))
    if any(s.state is not HealthState.HEALTHY for s in later):
        return None
    before = next((s for s in reversed(seen) if s.at_s < healthy.at_s), None)
    return not_asked_at(before, healthy, due_s)


def _never_started(e: StaysAvailable, claim: str, app: App, history: History) -> Verdict:
    """The verdict for an app whose start-up was not complete: FAIL if it was watched and asked for
    all its time for the start, else UNKNOWN.
    """
    begun = spawned(history, e.app, e.boot)
    if begun is None:
        return unknown(e.kind, claim, NEVER_SPAWNED(app=e.app, boot=e.boot))
    due_s = begun.at_s + app.deadlines.startup_s
    if short := watched_to(e, history, due_s):
        return unknown(e.kind, claim, short)
    if (asked := samples(history, e.app, e.boot)) and (early := not_asked_until(asked, due_s)):
        return unknown(e.kind, claim, early)
    until_s = watched_until_s(history, e.app, e.boot)
    return failed(e.kind, claim, NEVER_COMPLETE(until_s=until_s))

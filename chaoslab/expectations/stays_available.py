"""Slow is not dead: health answers 2xx from the end of start-up on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given, completed, settling_start
from chaoslab.evidence.settling import (
    before_settling,
    has_to_settle,
    settled_from,
)
from chaoslab.evidence.starting import is_past
from chaoslab.evidence.timeline import (
    SERVING,
    Span,
    answered_s,
    asking,
    between_looks,
    exited,
    gap,
    run_ended,
    samples,
    silence_s,
    spawned,
    unheard,
    watched_until_s,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    HealthSample,
    StartupComplete,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.health import HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown

MIN_SAMPLES = 3  # fewer answers than this do not show that it stays so


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysAvailable(Expectation):
    """From the end of start-up to the run's end health never answers anything but 2xx, and the
    state stays healthy if `healthy` is set: slow is not dead. The app may say degraded before its
    first healthy answer, within its deadline for the start-up.
    """

    healthy: bool = True
    boot: int = 1
    kind: Literal["stays_available"] = "stays_available"

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)

    def awaits(self, seen: Seen) -> bool:
        """Healthy, to which it may settle: the lab adds the app's own deadline for a start."""
        return self.healthy and seen.starting and seen.state is not HealthState.HEALTHY

    def given(self, run: Run) -> Iterator[Given]:
        # how a start-up ended decides what health says afterwards, and whether it was one
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
        return stays_available(self, run.app(self.app), run.plan.sampling, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        startup_s = run.app(self.app).deadlines.startup_s
        return _under_way(self, run.plan, run.history, now_s, startup_s)


def _died_by(at_s: float, e: StaysAvailable, history: History) -> str:
    ended = exited(history, e.app, e.boot)
    if ended is None or ended.asked or ended.at_s > at_s:
        return ""
    return f"the process exited with {ended.exit_code} at {ended.at_s:.3f} s"


def stays_available(e: StaysAvailable, app: App, sampling: Sampling, history: History) -> Verdict:
    """From the end of start-up on, health answers 2xx, and healthy where that is asked."""
    what = "healthy" if e.healthy else "available"
    claim = f"{e.app} stays {what} from the end of start-up on"
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (e.app, e.boot))
    ended = run_ended(history)
    if gone := _died_by(ended.at_s if ended else 0.0, e, history):
        return failed(e.kind, claim, gone)
    if complete is None:
        return _never_started(e, claim, app, history)
    seen = [s for s in samples(history, e.app, e.boot) if s.at_s >= complete.at_s]
    good = {HealthState.HEALTHY} if e.healthy else SERVING
    first = settled_from(e, complete, seen, app.deadlines.startup_s, history)
    early = before_settling(seen, first) if first else []
    if bad := next((s for s in seen if s.state not in good and s not in early), None):
        settling = first is None and bad.state in SERVING and has_to_settle(e, complete)
        if settling and (early_end := _may_settle(e, app, seen, history)):
            return unknown(e.kind, claim, early_end, _said(bad))
        return failed(e.kind, claim, _said(bad))
    if len(seen) < MIN_SAMPLES:
        return unknown(e.kind, claim, f"only {len(seen)} health answers")
    if pause := gap(map(asking, seen), silence_s(sampling)):
        why = f"nobody asked from {pause.start_s:.3f} to {pause.end_s:.3f} s"
        return unknown(e.kind, claim, why)
    if ended is None or not ended.settled:
        return unknown(e.kind, claim, "the run was cut short")
    told = [_settled(early, first)] if first and early else []
    return passed(e.kind, claim, f"{len(seen) - len(early)} answers, all {what}", *told)


def _may_settle(e: StaysAvailable, app: App, seen: list[HealthSample], history: History) -> str:
    """Why an app that was not healthy yet may have become so in the time that it may take to start;
    empty where it had that time and was asked to its end.
    """
    begun = spawned(history, e.app, e.boot)
    due_s = begun.at_s + app.deadlines.startup_s if begun else 0.0
    if watched_until_s(history, e.app, e.boot) < due_s:
        return "the run ended before it had to be"
    healthy = next((s for s in seen if s.state is HealthState.HEALTHY), None)
    if healthy is None:
        return unheard(seen, due_s)
    later = (s for s in seen if s.at_s >= answered_s(healthy))
    if any(s.state is not HealthState.HEALTHY for s in later):
        return ""
    before = next((s for s in reversed(seen) if s.at_s < healthy.at_s), None)
    return between_looks(before, healthy, due_s)


def _settled(early: list[HealthSample], first: HealthSample) -> str:
    """What it said before its first healthy answer, which ended its start-up."""
    return f"degraded at {early[0].at_s:.3f} s, healthy from {answered_s(first):.3f} s on"


def _never_started(e: StaysAvailable, claim: str, app: App, history: History) -> Verdict:
    """A run that ended inside the time that the app may take to start says nothing of it."""
    begun = spawned(history, e.app, e.boot)
    if begun is None:
        return unknown(e.kind, claim, "the app was never spawned")
    due_s = begun.at_s + app.deadlines.startup_s
    if watched_until_s(history, e.app, e.boot) < due_s:
        return unknown(e.kind, claim, "the run ended before the start-up's time was up")
    if (asked := samples(history, e.app, e.boot)) and (early := unheard(asked, due_s)):
        return unknown(e.kind, claim, early)
    return failed(e.kind, claim, "start-up was never complete")


def _said(sample: HealthSample) -> str:
    if sample.status_code is None and "timeout" in (sample.error or "").lower():
        return f"health gave no answer within {sample.took_s:.1f} s, asked at {sample.at_s:.3f} s"
    answer = sample.error or f"{sample.status_code} {sample.word}"
    return f"at {sample.at_s:.3f} s health was {sample.state.value}: {answer}"


def _under_way(
    e: StaysAvailable, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """Wait for start-up, or until its time is up, and then for the fewest answers that count."""
    begun, ended = spawned(history, e.app, e.boot), exited(history, e.app, e.boot)
    if begun is None or ended is not None:
        return None if ended else f"boot {e.boot} of {e.app}"
    given = Span(start_s=begun.at_s, end_s=begun.at_s + startup_s)
    complete = history.first(StartupComplete, lambda c: (c.app, c.boot) == (e.app, e.boot))
    if complete is None:
        late = is_past(now_s, given, e, plan, history)
        return None if late else f"the start-up of {e.app}"
    seen = [s for s in samples(history, e.app, e.boot) if s.at_s >= complete.at_s]
    if has_to_settle(e, complete) and not is_past(now_s, given, e, plan, history):
        if (first := settled_from(e, complete, seen, startup_s, history)) is None:
            return f"{e.app} to be healthy"
        seen = [s for s in seen if s.at_s >= first.at_s]
    return None if len(seen) >= MIN_SAMPLES else f"{MIN_SAMPLES} health answers of {e.app}"

"""`comes_back`: after the heal health and requests are as before, by itself or restarted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.back import Back, as_before, health_back, request_back
from chaoslab.evidence.every_boot import (
    gone,
    healed_span,
    load_names,
    requests_of,
    watched_app_until_s,
)
from chaoslab.evidence.given import Given
from chaoslab.evidence.processes_back import process_to_wait_for, processes_back
from chaoslab.evidence.reasons import (
    CUT_SHORT,
    NEVER_SPAWNED,
    NOT_REACHED,
    health_answer,
    last_log_line,
    process_exit,
)
from chaoslab.evidence.recovery import NO_HEAL, fault_in_force, fault_missed
from chaoslab.evidence.timeline import Span, faults_begun_s, newest_boot, restarts
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.evidence.waits import waited_s
from chaoslab.evidence.way_back import ways_back
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Expectation, Run
from chaoslab.history.events import FaultHealed, FaultMissed, HealthSample, Request
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown, worst
from chaoslab.reason import Code, Reason

LATE_S = 0.5  # waited past the bound, so that a return that is a little late has its figures
Found = tuple[Outcome, Reason]


def _back_text(data: Mapping[str, Any]) -> str:
    what, after_s = data["what"], data["after_s"]
    count = data["count"]
    return f"{what} as before {after_s:.3f} s after the heal, {count} answers from then on"


BACK = Code(
    "back.as_before",
    _back_text,
    "How long after the heal the first answer came from which on all were as in the steady state. "
    "`what` is health, or the name of a request.",
    data=("what", "after_s", "count"),
)
LATE = Code(
    "back.late",
    "{what} as before only {after_s:.3f} s after the heal, {late_s:.3f} s too late",
    "An answer was as in the steady state again, but after the bound.",
)
NOT_BACK = Code(
    "back.not_as_before",
    "{what} was not as before {watched_s:.3f} s after the heal; the last answer: {cause}",
    "The last answer was not as in the steady state. `cause` is the code of the reason, beside its"
    " data.",
)
FEW = Code(
    "back.few_answers",
    "only {count} answers of {what} in a row were as before, {required} are required",
    "There are too few answers in a row to show that the app is as in its steady state again.",
)
NONE_SENT = Code(
    "back.none_sent",
    "{what} was not asked after the heal",
    "No question of that kind was sent after the heal, and over before the end of the run.",
)
LAST_REQUEST = Code(
    "back.last_request",
    lambda data: f"sent at {data['at_s']:.3f} s: {response_text(data)}",
    "The last request of a name after the heal.",
    data=("at_s", "status_code", "answer", "error"),
)
NOT_RESTARTED = Code(
    "back.not_restarted",
    "nothing started the app again",
    "The process ended, and neither its supervisor nor the plan started it again.",
)


def _restarts_text(data: Mapping[str, Any]) -> str:
    count = data["restarts"]
    after = f"restarted {_times(count)} after the heal" if count else "not restarted after the heal"
    return f"{after}, {_times(data['under'])} under the faults" if data["under"] else after


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


RESTARTS = Code(
    "back.restarts",
    _restarts_text,
    "How often the app's supervisor restarted it after the heal, and from the first fault to the"
    " heal (`under`).",
    data=("restarts", "under"),
)
TOO_MANY = Code(
    "back.too_many_restarts",
    "{restarts} restarts after the heal, {allowed} are allowed",
    "The app needed more restarts by its supervisor than the claim allows.",
)
NEVER_GOOD = Code(
    "back.request_never_good",
    "no request '{request}' got a good answer before the fault",
    "The request failed in the steady state too, so it cannot come back to it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComesBack(Expectation):
    """Within `within_s` of the last heal health and every request of a load are as in the steady
    state again: by themselves, or after at most `restarts_at_most` restarts by the app's
    supervisor; None means any number.

    The steady state of health is its state and status before the first fault, or healthy if the app
    was not up then. A request is as in the steady state if it gets a good answer, `at_least` times
    in a row. A further process of the app that has ended runs again by then, and stays for the
    app's `stable_s`, after at most as many restarts. For each fault something must show that the
    app uses the path again. Restarts of an app that ran before the lab did are not observed.
    """

    within_s: float | None = None
    restarts_at_most: int | None = 3
    at_least: int = 3
    kind: Literal["comes_back"] = "comes_back"

    app_defaults: ClassVar[AppDefaults] = {"within_s": lambda app: app.deadlines.recovery_s}

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_fault(place, self)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 0, restarts_at_most=self.restarts_at_most)
        yield from needs.least(place, 1, at_least=self.at_least)

    def awaits(self, seen: Seen) -> bool:
        """Whether health is not healthy yet after the heal, and `within_s` is not over."""
        healthy = seen.state is HealthState.HEALTHY
        return not healthy and seen.now_s < seen.healed_s + (self.within_s or 0.0)

    def longest_s(self, place: Place) -> float:
        return (self.within_s or 0.0) + self.at_least / needs.slowest_rate(self.app, place.plan)

    def given(self, run: Run) -> Iterator[Given]:
        if (span := healed_span(self, run.history)) is not None:
            due_s = span.start_s + (self.within_s or 0.0)
            since_s = [back.since_s for back in _backs(self, run.plan, run.history, span)]
            until_s = watched_app_until_s(self, run.history)
            done_s = max((until_s if at_s is None else at_s for at_s in since_s), default=until_s)
            yield Given(span=replace(span, end_s=due_s), done_s=done_s)

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        history, span = run.history, healed_span(self, run.history)
        newest = newest_boot(history, self.app)
        observed = newest is None or not newest.standing
        claim = _claim(self, run, restarts_observed=observed)
        if newest is None:
            return unknown(self.kind, claim, NEVER_SPAWNED(app=self.app, boot=1))
        if span is None:
            return unknown(self.kind, claim, NO_HEAL())
        if missed := fault_missed(history) or fault_in_force(history, span):
            return unknown(self.kind, claim, missed)
        found = [
            *_gone(self, run, span),
            *(_of(self, back, run, span) for back in _backs(self, run.plan, history, span)),
            *_never_good(self, run.plan, history),
            *self._processes(run, span),
            *([_restarted(self, history, span)] if observed else []),
        ]
        outcome = worst(each for each, _ in found)
        because = [why for each, why in found if each is outcome is not Outcome.PASS]
        because += [why for each, why in found if each is Outcome.PASS]
        if outcome is Outcome.FAIL:
            return failed(self.kind, claim, *because)
        names = load_names(self, run.plan)
        shown = list(ways_back(self, history, run.plan, names, span))
        unshown = [why for is_shown, why in shown if not is_shown]
        because += [why for is_shown, why in shown if is_shown]
        if outcome is Outcome.UNKNOWN or unshown:
            return unknown(self.kind, claim, *unshown, *because)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), *because)
        return passed(self.kind, claim, *because)

    def _processes(self, run: Run, span: Span) -> Iterator[Found]:
        """Yields whether the app's further processes run again."""
        until_s = min(watched_app_until_s(self, run.history), span.end_s)
        watched, within_s = replace(span, end_s=until_s), self.within_s or 0.0
        return processes_back(
            run.app(self.app), run.history, watched, within_s, self.restarts_at_most
        )

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says that the run still waits for the heal, or for the app to be as before.
        None if it is, or if it had its time.
        """
        history, plan = run.history, run.plan
        over = {e.fault for kind in (FaultHealed, FaultMissed) for e in history.of(kind)}
        if not {fault.label for fault in plan.faults} <= over:
            return "a heal to come back from"
        span, newest = healed_span(self, history), newest_boot(history, self.app)
        if span is None or newest is None:
            return None
        within_s, backs = self.within_s or 0.0, _backs(self, plan, history, span)
        due_s = span.start_s + within_s
        if process := process_to_wait_for(run.app(self.app), history, due_s, now_s):
            return f"process {process} of {self.app} to run for long enough"
        if all(len(back.row) >= self.at_least for back in backs):
            return None
        waited = waited_s(history, self.app, newest.boot, span.start_s, now_s)
        given_up_s = span.start_s + within_s + LATE_S + min(within_s, waited)
        if now_s > given_up_s and all(_is_decided(self, back, due_s) for back in backs):
            return None
        # the last questions begin before the bound and may go unanswered
        asked_s = max((load.waits_s for load in plan.load if load.app == self.app), default=0.0)
        last_s = given_up_s + max(asked_s, plan.sampling.timeout_s)
        last_s += self.at_least * max(back.every_s for back in backs)
        return None if now_s > last_s else f"{self.app} to be as before the fault"


def _claim(e: ComesBack, run: Run, *, restarts_observed: bool) -> str:
    allowed = e.restarts_at_most
    often = "with any number of restarts" if allowed is None else f"with at most {allowed} restarts"
    how = f", {often}" if restarts_observed else " (a restart of it is not observed)"
    processes = run.app(e.app).processes if restarts_observed else {}
    and_run = f", and {' and '.join(processes)} run{'s' * (len(processes) == 1)}"
    before = as_before(e, run.plan) + and_run * bool(processes)
    return f"{before} within {e.within_s:g} s of the heal{how}"


def _is_decided(e: ComesBack, back: Back, due_s: float) -> bool:
    """Whether more answers of one kind would not change the verdict, once the bound is over."""
    since_s = back.since_s
    if since_s is not None and since_s <= due_s:
        return len(back.row) >= e.at_least
    return bool(back.asked) and back.unseen_at(due_s) is None


def _backs(e: ComesBack, plan: Plan, history: History, span: Span) -> list[Back]:
    """The questions after the heal: those to health, and those of each request of a load that got a
    good answer before the fault.
    """
    loads = {load.request: load.every_s for load in plan.load if load.app == e.app}
    never = {why.data["request"] for _, why in _never_good(e, plan, history)}
    return [
        health_back(e, history, span, plan.sampling.cadence_s),
        *(
            request_back(e, history, span, name, every_s)
            for name, every_s in loads.items()
            if name not in never
        ),
    ]


def _never_good(e: ComesBack, plan: Plan, history: History) -> Iterator[Found]:
    """Yields the reason for each request that was sent before the first fault and got no good
    answer.
    """
    begun_s = min(faults_begun_s(history).values(), default=0.0)
    for name in load_names(e, plan):
        before = [r for r in requests_of(e, history, name) if over_s(r) < begun_s]
        if len(before) >= e.at_least and not any(r.outcome == "ok" for r in before):
            yield Outcome.UNKNOWN, NEVER_GOOD(request=name)


def _gone(e: ComesBack, run: Run, span: Span) -> Iterator[Found]:
    """Yields the reasons for an app whose process ended and that nothing started again."""
    if (ended := gone(e, run.history)) is None:
        return
    due_s = span.start_s + (e.within_s or 0.0)
    until_s = watched_app_until_s(e, run.history)
    outcome = Outcome.FAIL
    if run.was_cut_short and until_s < due_s:
        outcome = Outcome.UNKNOWN
        yield outcome, NOT_REACHED(until_s=until_s, bound_s=due_s)
    yield outcome, process_exit(ended)
    yield outcome, last_log_line(ended)
    yield outcome, NOT_RESTARTED()


def _of(e: ComesBack, back: Back, run: Run, span: Span) -> Found:
    """Whether one kind of question got answers as before in time, and often enough."""
    due_s = span.start_s + (e.within_s or 0.0)
    until_s = min(watched_app_until_s(e, run.history), span.end_s)
    since_s, count = back.since_s, len(back.row)
    if since_s is not None and since_s <= due_s:
        if count < e.at_least:
            return Outcome.UNKNOWN, FEW(what=back.what, count=count, required=e.at_least)
        return Outcome.PASS, BACK(what=back.what, after_s=since_s - span.start_s, count=count)
    if until_s < due_s:
        return Outcome.UNKNOWN, NOT_REACHED(until_s=until_s, bound_s=due_s)
    if not back.asked:
        return Outcome.UNKNOWN, NONE_SENT(what=back.what)
    if unseen := back.unseen_at(due_s):
        return Outcome.UNKNOWN, unseen
    if since_s is not None:
        after_s = since_s - span.start_s
        return Outcome.FAIL, LATE(what=back.what, after_s=after_s, late_s=since_s - due_s)
    last = _last_answer(e, back, run.history)
    watched_s = until_s - span.start_s
    return Outcome.FAIL, NOT_BACK.because_of(last, what=back.what, watched_s=watched_s)


def _last_answer(e: ComesBack, back: Back, history: History) -> Reason:
    """The reason with the last answer of a kind of question, which was not as before."""
    sent_s = back.asked[-1].sent_s
    if back.what == "health":
        sample = history.last(HealthSample, lambda s: (s.app, s.at_s) == (e.app, sent_s))
        assert sample is not None
        return health_answer(sample)
    wanted = (e.app, back.what, sent_s)
    request = history.last(Request, lambda r: (r.app, r.request, r.at_s) == wanted)
    assert request is not None
    return LAST_REQUEST(at_s=sent_s, **response(request))


def _restarted(e: ComesBack, history: History, span: Span) -> Found:
    """How often a supervisor restarted the app."""
    after = len(restarts(history, e.app, span))
    begun_s = min(faults_begun_s(history).values(), default=span.start_s)
    under = len(restarts(history, e.app, Span(start_s=begun_s, end_s=span.start_s)))
    if e.restarts_at_most is not None and after > e.restarts_at_most:
        return Outcome.FAIL, TOO_MANY(restarts=after, allowed=e.restarts_at_most)
    return Outcome.PASS, RESTARTS(restarts=after, under=under)

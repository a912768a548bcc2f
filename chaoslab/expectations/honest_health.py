"""`honest_health`: health does not stay healthy while requests fail under a fault. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.every_boot import health_answers, load_names, requests_of
from chaoslab.evidence.given import Given
from chaoslab.evidence.honesty import AT_LEAST, Spell, all_healthy, heard_in, outside, spells
from chaoslab.evidence.reasons import CUT_SHORT, NOT_IN_FORCE
from chaoslab.evidence.timeline import Span, answered_s, asked_s, fault_span
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Expectation, Run
from chaoslab.history.events import HealthSample, Request
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.health import HealthState
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown, worst
from chaoslab.reason import Code, Reason, Scalar

MIN_ANSWERS = 3  # fewer answers of health do not show that it stayed healthy
TIMES_MORE = 2.0  # under the fault this more of the requests fail than without it


def _lies_text(data: Mapping[str, Any]) -> str:
    return (
        f"health answered healthy while {data['failed']} of {data['requests']} requests "
        f"'{data['request']}' failed, from {data['start_s']:.3f} to {data['end_s']:.3f} s: "
        f"{data['answers']} answers later than {data['within_s']:g} s after the first failure, all "
        f"healthy; the first failure, sent at {data['at_s']:.3f} s: {response_text(data)}"
    )


_SPELL = ("request", "failed", "requests", "start_s", "end_s")
LIES = Code(
    "health.healthy_while_failing",
    _lies_text,
    "Requests failed, and health went on answering healthy for longer than the app has to notice. "
    "`answers` are those after that time. Status, answer and error are of the first failure.",
    data=(*_SPELL, "answers", "within_s", "at_s", "status_code", "answer", "error"),
)
TOO_SHORT = Code(
    "health.failing_too_shortly",
    "requests '{request}' failed for {lasted_s:.3f} s, and every answer of health was healthy; it "
    "has {within_s:g} s to notice; fix: hold the fault for longer, or lower degraded_s",
    "Requests failed and health was healthy, but not for longer than the app has to notice.",
    data=("failed", "requests"),
)
FEW_LATE = Code(
    "health.few_answers_while_failing",
    "requests '{request}' failed for {lasted_s:.3f} s; only {answers} answers of health were "
    "observed later than {within_s:g} s after the first failure, {required} are required",
    "Requests failed for longer than the app has to notice, and there are too few answers of "
    "health after that time.",
)
FEW_FAILURES = Code(
    "health.few_failures_after",
    "requests '{request}' failed for {lasted_s:.3f} s; only {late} of them failed later than "
    "{within_s:g} s after the first failure, {required} are required; every answer of health was "
    "healthy",
    "Requests failed for longer than the app has to notice, but too few of them after that time.",
    data=("failed", "requests"),
)
HONEST = Code(
    "health.honest",
    lambda data: (
        f"{data['failed']} of {data['requests']} requests '{data['request']}' failed from "
        f"{data['start_s']:.3f} to {data['end_s']:.3f} s, and health was {data['state']} "
        f"{data['after_s']:.3f} s after the first failure"
    ),
    "Requests failed, and health showed it. The seconds count from the first failure to the first "
    "answer of health that is not healthy.",
    data=(*_SPELL, "state", "after_s"),
)
COUNTS = Code(
    "health.requests_meanwhile",
    "while a fault was in force: {requests} requests, {failed} of them failed; {answers} answers "
    "of health, {healthy} of them healthy",
    "How many requests of the loads, and requests to health, were sent and over while a fault was "
    "in force.",
)
FEW = Code(
    "health.few_requests_meanwhile",
    "only {requests} requests '{request}' and {answers} answers of health were observed while a "
    "fault was in force; {at_least} and {required} are required",
    "There are too few requests, or too few answers of health, to compare.",
)
NEVER_GOOD = Code(
    "health.request_never_good",
    "no request '{request}' got a good answer outside the faults, so its failures show nothing",
    "A request failed before, under and after the faults. It may be declared wrongly.",
)
FAILS_ANYWAY = Code(
    "health.fails_without_fault",
    "{failed_outside} of {outside} requests '{request}' failed without a fault, and {failed} of "
    "{requests} under it: the fault may not be why",
    "Requests failed and health was healthy, but almost as many of them fail without the fault: "
    "before it or, if none was good then, after its heal; each from the first good answer on.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HonestHealth(Expectation):
    """While a fault is in force, health does not go on answering healthy while requests of the
    loads fail or hang.

    Health has `within_s` to notice, from the end of the first failed request on: requests may fail
    at once, while health has a cadence of its own. It fails the claim only if requests still fail
    after that time, at least three, and every answer of health from then on is healthy. Some may be
    good meanwhile, fewer than three in a row; requests that fail almost as often without the fault
    show nothing. At least `at_least` requests of each name are required under the faults that the
    claim rests on, unless health was never healthy there. Requests that failed before the app ever
    answered count neither for nor against it: it was starting.
    """

    within_s: float | None = None
    at_least: int = 5
    kind: Literal["honest_health"] = "honest_health"

    judged_by_requests: ClassVar[bool] = True
    app_defaults: ClassVar[AppDefaults] = {"within_s": lambda app: app.deadlines.degraded_s}

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_fault(place, self)
        yield from needs.any_load(place, self)
        yield from needs.least(place, 1, at_least=self.at_least)

    def given(self, run: Run) -> Iterator[Given]:
        spans = _in_force(self, run.history)
        for name in load_names(self, run.plan):
            mine = _sent_in(spans, requests_of(self, run.history, name))
            for spell in filter(lambda each: each.lasted, spells(mine)):
                start_s = _judged_in(self, spell, run.history).start_s
                yield Given(span=Span(start_s=start_s, end_s=start_s + (self.within_s or 0.0)))

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        """The verdict: the worst of what was found of each request that a load sends."""
        history = run.history
        claim = (
            f"health of {self.app} does not answer healthy all the time while requests fail, from "
            f"{self.within_s:g} s after the first failure on"
        )
        if not (spans := _in_force(self, history)):
            faults = ", ".join(self.rests_on or ())
            return unknown(self.kind, claim, NOT_IN_FORCE(fault=faults))
        heard = [s for span in spans for s in heard_in(span, health_answers(self, history))]
        names = load_names(self, run.plan)
        found = [each for name in names for each in _found(self, name, spans, heard, history)]
        outcome = worst([Outcome.PASS, *(each for each, _ in found)])
        because = [why for each, why in found if each is outcome]
        because.append(_counts(self, names, spans, heard, history))
        if outcome is Outcome.PASS and run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), *because)
        judged = {Outcome.FAIL: failed, Outcome.UNKNOWN: unknown, Outcome.PASS: passed}[outcome]
        return judged(self.kind, claim, *because)


def _in_force(e: HonestHealth, history: History) -> list[Span]:
    """The spans in which the faults that the claim rests on were in force."""
    spans = (fault_span(history, label) for label in e.rests_on or ())
    return [span for span in spans if span is not None]


def _sent_in(spans: Sequence[Span], requests: Iterable[Request]) -> list[Request]:
    """Those of `requests` that were sent and over within one of the spans."""
    return [r for r in requests if any(s.holds(r.at_s) and s.holds(over_s(r)) for s in spans)]


def _found(
    e: HonestHealth,
    name: str,
    spans: Sequence[Span],
    heard: Sequence[HealthSample],
    history: History,
) -> Iterator[tuple[Outcome, Reason]]:
    """Yields what was found of one request: of each time in which it failed, and if there was too
    little to compare.
    """
    mine = _sent_in(spans, requests_of(e, history, name))
    for spell in filter(lambda each: each.lasted, spells(mine)):
        outcome, why = _of_spell(e, name, spell, _judged_in(e, spell, history), heard)
        excused = _excused(e, name, spell, history) if outcome is Outcome.FAIL else None
        yield (Outcome.UNKNOWN, excused) if excused else (outcome, why)
    never_healthy = not any(s.state is HealthState.HEALTHY for s in heard)
    if len(heard) < MIN_ANSWERS or (len(mine) < e.at_least and not never_healthy):
        few = FEW(
            request=name,
            requests=len(mine),
            answers=len(heard),
            at_least=e.at_least,
            required=MIN_ANSWERS,
        )
        yield Outcome.UNKNOWN, few


def _excused(e: HonestHealth, name: str, spell: Spell, history: History) -> Reason | None:
    """Why the fault may not be why the requests of `spell` failed. None if it is."""
    in_force = ((label, fault_span(history, label)) for label in e.rests_on or ())
    spans = [
        replace(span, start_s=min(span.start_s, asked_s(history, label)))
        for label, span in in_force
        if span is not None
    ]
    compared = outside(requests_of(e, history, name), spans)
    if not compared:
        return NEVER_GOOD(request=name)
    failed = sum(r.outcome != "ok" for r in compared)
    if spell.failed / len(spell.requests) >= TIMES_MORE * failed / len(compared):
        return None
    return FAILS_ANYWAY(
        request=name,
        failed=spell.failed,
        requests=len(spell.requests),
        failed_outside=failed,
        outside=len(compared),
    )


def _judged_in(e: HonestHealth, spell: Spell, history: History) -> Span:
    """The part of a time in which requests failed after the app had first answered; all of it, if
    the app did not answer in it.
    """
    answers = (s for s in health_answers(e, history) if s.state is not HealthState.UNREACHABLE)
    first_s = min((s.at_s for s in answers), default=0.0)
    span = spell.span
    return replace(span, start_s=first_s) if span.start_s < first_s < span.end_s else span


def _of_spell(
    e: HonestHealth, name: str, spell: Spell, span: Span, heard: Sequence[HealthSample]
) -> tuple[Outcome, Reason]:
    """What health answered in `span`, the judged part of one time in which requests failed."""
    within_s = e.within_s or 0.0
    late = Span(start_s=span.start_s + within_s, end_s=span.end_s)
    answers, meanwhile = heard_in(late, heard), heard_in(span, heard)
    lasted_s = span.end_s - span.start_s
    failed_late = spell.failed_from(late.start_s)
    figures: dict[str, Scalar] = {
        "request": name,
        "failed": spell.failed,
        "requests": len(spell.requests),
        "start_s": span.start_s,
        "end_s": span.end_s,
    }
    if len(answers) >= MIN_ANSWERS and all_healthy(answers) and failed_late >= AT_LEAST:
        first = next(r for r in spell.requests if over_s(r) >= span.start_s)
        figures |= {"answers": len(answers), "within_s": within_s, "at_s": first.at_s}
        return Outcome.FAIL, LIES(**figures, **response(first))
    if honest := next((s for s in meanwhile if s.state is not HealthState.HEALTHY), None):
        after_s = answered_s(honest) - span.start_s
        return Outcome.PASS, HONEST(**figures, state=honest.state.value, after_s=after_s)
    if meanwhile and lasted_s <= within_s:
        return Outcome.UNKNOWN, TOO_SHORT(
            request=name,
            failed=spell.failed,
            requests=len(spell.requests),
            lasted_s=lasted_s,
            within_s=within_s,
        )
    if len(answers) >= MIN_ANSWERS:
        return Outcome.UNKNOWN, FEW_FAILURES(
            request=name,
            failed=spell.failed,
            requests=len(spell.requests),
            lasted_s=lasted_s,
            late=failed_late,
            within_s=within_s,
            required=AT_LEAST,
        )
    return Outcome.UNKNOWN, FEW_LATE(
        request=name,
        lasted_s=lasted_s,
        answers=len(answers),
        within_s=within_s,
        required=MIN_ANSWERS,
    )


def _counts(
    e: HonestHealth,
    names: Iterable[str],
    spans: Sequence[Span],
    heard: Sequence[HealthSample],
    history: History,
) -> Reason:
    mine = [r for name in names for r in _sent_in(spans, requests_of(e, history, name))]
    return COUNTS(
        requests=len(mine),
        failed=sum(r.outcome != "ok" for r in mine),
        answers=len(heard),
        healthy=sum(s.state is HealthState.HEALTHY for s in heard),
    )

"""Honest degradation: 200 degraded in time, with the right names, while the fault holds. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.dependencies import hidden, lost, unknown_words
from chaoslab.evidence.given import Given, start_of
from chaoslab.evidence.reasons import (
    FEW_ANSWERS,
    NEVER_SPAWNED,
    NOT_IN_FORCE,
    health_answer,
    process_exit,
)
from chaoslab.evidence.start_under_fault import not_complete
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    asked_s,
    between_looks,
    exited_by,
    fault_span,
    replaced,
    samples,
    spawned,
    started_by,
    unheard,
)
from chaoslab.evidence.until_heal import (
    CUT_SHORT,
    replaced_s,
    seen_to_its_end,
    silent_before_heal,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.faults.evidence import Evidence
from chaoslab.history.events import (
    HealthSample,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.topology import App
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

NOT_ON_LINK = Code(
    "fault.not_observed_on_link",
    "{fault} was not observed to affect the link to {services}",
    "The fault reached the app, but not on the link to a dependency that health has to name.",
)
REPLACED_BEFORE_FAULT = Code(
    "app.replaced_before_fault",
    "the plan replaced boot {boot} at {at_s:.3f} s, before the fault",
    "The boot that the claim is about ended before the fault was in force.",
)
REPLACED_BEFORE_HEAL = Code(
    "app.replaced_before_heal",
    "judged until the plan replaced boot {boot} at {at_s:.3f} s, before the heal",
    "The boot that the claim is about ended while the fault was in force.",
)


def _over_before_start(data: Mapping[str, Any]) -> str:
    over = f"boot {data['boot']} was replaced" if data["replaced"] else f"{data['fault']} ended"
    return f"{over} at {data['over_s']:.3f} s, and start-up had until {data['bound_s']:.3f} s"


OVER_BEFORE_START = Code(
    "fault.over_before_start",
    _over_before_start,
    "The fault, or the boot, was over before the app had to be started.",
    data=("fault", "boot", "replaced", "over_s", "bound_s"),
)
TOO_SHORT = Code(
    "fault.too_short",
    "{fault} was in force for only {held_s:.3f} s of the app's time; the bound is {within_s:g} s",
    "The fault was over before the app had to be degraded.",
)
NO_QUESTION = Code(
    "health.no_question_under_fault",
    "no question to health began and ended while {fault} was in force",
    "Nothing is known of health while the fault was in force.",
)
NEVER_DEGRADED = Code(
    "health.never_degraded",
    "health never answered degraded while {fault} was in force",
    "No answer of health under the fault was degraded.",
)
DEGRADED_LATE = Code(
    "health.degraded_late",
    "degraded only after {after_s:.3f} s",
    "The first degraded answer came after its bound; seconds since the fault, or the start-up.",
    data=("within_s",),
)
NOT_THROUGHOUT = Code(
    "health.not_degraded_throughout",
    "health did not stay degraded while {fault} was in force",
    "After a degraded answer there was another one under the same fault.",
)
DEGRADED = Code(
    "health.degraded",
    "degraded after {after_s:.3f} s, {count} answers over {over_s:.3f} s, all degraded",
    "When health was degraded, since the fault or the start-up, and all answers from then on.",
)
NAMED_LATE = Code(
    "health.named_late",
    "named exactly what is lost only after {after_s:.3f} s",
    "The first answer with the right names came after its bound.",
    data=("within_s",),
)
MIN_SAMPLES = 3  # fewer answers than this do not show that it stays so
_NO_ANSWER = (HealthState.UNHEALTHY, HealthState.UNREACHABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Degrades(Expectation):
    """Health answers 200 degraded within `within_s` of the fault (or of the start-up's end, where
    that is later), names exactly the dependencies in `naming`, and stays so until the heal, or to
    the end of a boot that the plan replaces before it.
    """

    naming: tuple[str, ...]
    within_s: float | None = None
    fault: str = ""
    boot: int = 1
    kind: Literal["degrades"] = "degrades"

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.names(place, self.naming)
        yield from needs.a_fault(place, self)
        mine = [f for f in place.plan.faults if f.label == self.fault or not self.fault][:1]
        what = "its fault's heal, until which it is judged"
        yield from needs.healed(place, self, mine, what)

    @property
    def named_faults(self) -> tuple[str, ...]:
        return (self.fault,)

    def with_faults(self, labels: tuple[str, ...]) -> Self:
        rests_on = labels if self.rests_on is None else self.rests_on
        return replace(self, rests_on=rests_on, fault=self.fault or next(iter(labels), ""))

    def resolved(self, app: App) -> Self:
        within_s = app.deadlines.degraded_s if self.within_s is None else self.within_s
        return replace(self, app=app.name, within_s=within_s)

    def awaits(self, seen: Seen) -> bool:
        """Degraded, and naming what is lost, up to its bound after the newest fault."""
        if not seen.in_force_s or seen.complete_s is None:
            return False
        named = self.fault not in seen.in_force_s or set(self.naming) == set(seen.lost)
        told = seen.state is HealthState.DEGRADED and named
        begun_s = max(*seen.in_force_s.values(), seen.complete_s)
        return not told and seen.now_s < begun_s + (self.within_s or 0.0)

    def given(self, run: Run) -> Iterator[Given]:
        history, limits = run.history, run.app(self.app).deadlines
        complete_s = started_by(history, self.app, self.boot)
        held = fault_span(history, self.fault)
        if complete_s is None or (held and complete_s > held.end_s):
            startup_s, gives_up_s = limits.startup_s, limits.gives_up_s
            yield from start_of(self.app, self.boot, startup_s, gives_up_s, history)
        else:
            begin_s = max(complete_s, asked_s(history, self.fault))
            yield Given(span=Span(start_s=begin_s, end_s=begin_s + (self.within_s or 0.0)))

    def unobserved(self, evidence: Evidence, app: App) -> Reason | None:
        """Health may have words of its own for dependencies: those count only where the fault was
        observed on every link.
        """
        if evidence.fault != self.fault:
            return None
        unmet = [
            name
            for name in self.naming
            if not (
                evidence.observed_on(name) if name in app.links else evidence.observed_everywhere
            )
        ]
        return NOT_ON_LINK(fault=self.fault, services=unmet) if unmet else None

    def judged(self, run: Run) -> Verdict:
        return degrades(self, run.app(self.app), run.plan.sampling, run.history)


def degrades(e: Degrades, app: App, sampling: Sampling, history: History) -> Verdict:
    """Health turns 200 degraded within the bound, names what is lost, and stays so."""
    claim = f"{e.app} answers 200 degraded naming {', '.join(e.naming)} within {e.within_s} s"
    span = fault_span(history, e.fault)
    if span is None:
        return unknown(e.kind, claim, NOT_IN_FORCE(fault=e.fault))
    if gone := exited_by(span.end_s, e, history):
        return failed(e.kind, claim, process_exit(gone))
    if (stopped_s := replaced_s(e, history)) is not None:
        # where the plan took this boot away while the fault held, its time ends there
        if stopped_s <= span.start_s:
            return unknown(e.kind, claim, REPLACED_BEFORE_FAULT(boot=e.boot, at_s=stopped_s))
        span = Span(start_s=span.start_s, end_s=min(span.end_s, stopped_s))
    started_s = started_by(history, e.app, e.boot)
    if started_s is None or started_s > span.end_s:
        return _not_started(e, claim, app, span, history)
    watch = Span(start_s=max(span.start_s, started_s), end_s=span.end_s)
    asked = samples(history, e.app, e.boot)
    seen = [s for s in asked if s.at_s >= watch.start_s and answered_s(s) <= watch.end_s]
    if broken := next((s for s in seen if s.state in _NO_ANSWER), None):
        return failed(e.kind, claim, health_answer(broken))
    verdict = _turned(e, claim, watch, seen, app.health)
    if verdict.outcome is Outcome.FAIL:
        how = hidden(e.naming, seen, asked, app.health)
        return replace(verdict, because=(*verdict.because, *how))
    if verdict.outcome is Outcome.PASS:
        if silent := silent_before_heal(e, watch, seen, asked, sampling):
            return unknown(e.kind, claim, silent, *verdict.because)
        if not seen_to_its_end(e, span, history):
            return unknown(e.kind, claim, CUT_SHORT(fault=e.fault), *verdict.because)
    return _until(verdict, e, span, stopped_s)


def _until(verdict: Verdict, e: Degrades, span: Span, stopped_s: float | None) -> Verdict:
    """The verdict, with until when this boot was judged where that was not the fault's heal."""
    if stopped_s is None or stopped_s > span.end_s:
        return verdict
    until = REPLACED_BEFORE_HEAL(boot=e.boot, at_s=span.end_s)
    return replace(verdict, because=(*verdict.because, until))


def _not_started(e: Degrades, claim: str, app: App, span: Span, history: History) -> Verdict:
    """A fault that ends before a start-up must be over says nothing of that start-up."""
    begun = spawned(history, e.app, e.boot)
    if begun is None:
        return unknown(e.kind, claim, NEVER_SPAWNED(app=e.app, boot=e.boot))
    course = not_complete(e, e.fault, span.end_s, history)
    due_s = begun.at_s + app.deadlines.startup_s
    if span.end_s >= due_s:
        return failed(e.kind, claim, course)
    over = OVER_BEFORE_START(
        fault=e.fault,
        boot=e.boot,
        replaced=replaced(history, e.app, e.boot) is not None,
        over_s=span.end_s,
        bound_s=due_s,
    )
    return unknown(e.kind, claim, over, course)


def _turned(
    e: Degrades, claim: str, watch: Span, seen: list[HealthSample], contract: HealthContract
) -> Verdict:
    """Degraded in time, and from then on; what was asked before that answer may still differ."""
    turned = (s for s in seen if s.state is HealthState.DEGRADED)
    first = min(turned, key=answered_s, default=None)
    if first is None:
        last = map(health_answer, seen[-1:])
        if early := _too_early(e, seen, watch):
            return unknown(e.kind, claim, early, *last)
        return failed(e.kind, claim, NEVER_DEGRADED(fault=e.fault), *last)
    after_s = answered_s(first) - watch.start_s
    if e.within_s is not None and after_s > e.within_s:
        late = DEGRADED_LATE(after_s=after_s, within_s=e.within_s)
        before = next((s for s in reversed(seen) if s.at_s < first.at_s), None)
        if unseen := between_looks(before, first, watch.start_s + e.within_s):
            return unknown(e.kind, claim, late, unseen, health_answer(first))
        return failed(e.kind, claim, late, health_answer(first))
    held = [first, *(s for s in seen if s.at_s >= answered_s(first))]
    if other := next((s for s in held if s.state is not HealthState.DEGRADED), None):
        return failed(e.kind, claim, NOT_THROUGHOUT(fault=e.fault), health_answer(other))
    because = DEGRADED(after_s=after_s, count=len(held), over_s=watch.end_s - first.at_s)
    return _named(e, claim, because, watch=watch, held=held, contract=contract)


def _too_early(e: Degrades, seen: list[HealthSample], watch: Span) -> Reason | None:
    """Why what health did not say may yet have come in time; None where it may not."""
    within_s = e.within_s or 0.0
    due_s = watch.start_s + within_s
    if watch.end_s < due_s:
        held_s = watch.end_s - watch.start_s
        return TOO_SHORT(fault=e.fault, held_s=held_s, within_s=within_s)
    return unheard(seen, due_s) if seen else NO_QUESTION(fault=e.fault)


def _named(
    e: Degrades,
    claim: str,
    because: Reason,
    *,
    watch: Span,
    held: list[HealthSample],
    contract: HealthContract,
) -> Verdict:
    """Exactly the right names in time, and from then on."""
    if strange := unknown_words(held, e.app, contract):
        return unknown(e.kind, claim, because, strange)
    right = [s for s in held if set(contract.lost(s.dependencies)) == set(e.naming)]
    if held[-1] not in right:
        last = lost(held[-1], e.naming, contract)
        if not right and (early := _too_early(e, held, watch)):
            return unknown(e.kind, claim, because, early, last)
        return failed(e.kind, claim, because, last)
    named = min(right, key=answered_s)
    after_s = answered_s(named) - watch.start_s
    if e.within_s is not None and after_s > e.within_s:
        late = NAMED_LATE(after_s=after_s, within_s=e.within_s)
        before = next((s for s in reversed(held) if s.at_s < named.at_s), None)
        if unseen := between_looks(before, named, watch.start_s + e.within_s):
            return unknown(e.kind, claim, because, late, unseen)
        return failed(e.kind, claim, because, late)
    later = [named, *(s for s in held if s.at_s >= answered_s(named))]
    if other := next((s for s in later if s not in right), None):
        return failed(e.kind, claim, because, lost(other, e.naming, contract))
    if len(later) < MIN_SAMPLES:
        return unknown(e.kind, claim, FEW_ANSWERS(count=len(later), required=MIN_SAMPLES))
    return passed(e.kind, claim, because, lost(named, e.naming, contract))

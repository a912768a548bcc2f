"""Honest degradation: 200 degraded in time, with the right names, while the fault holds. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.given import Given, start_of
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    asked_s,
    between_looks,
    exited,
    fault_span,
    replaced,
    run_ended,
    samples,
    silence_s,
    spawned,
    started_by,
    unheard,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.faults.evidence import Evidence
from chaoslab.history.events import (
    FaultHealing,
    HealthSample,
    QuestionsAsked,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.reason import Code, Reason
from chaoslab.model.topology import App
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, reasons, unknown

UNANSWERED_S = 0.5  # who lets a question wait for longer at the heal is not heard of any more
NOT_ON_LINK = Code(
    "fault.not_observed_on_link",
    "{fault} was not observed to affect the link to {services}",
    "The fault reached the app, but not on the link to a dependency that health has to name.",
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
        return unknown(e.kind, claim, f"{e.fault} was never seen in force")
    if gone := _died_by(span.end_s, e, history):
        return failed(e.kind, claim, gone)
    if (stopped_s := _replaced_s(e, history)) is not None:
        # where the plan took this boot away while the fault held, its time ends there
        if stopped_s <= span.start_s:
            why = f"the plan replaced boot {e.boot} at {stopped_s:.3f} s, before the fault"
            return unknown(e.kind, claim, why)
        span = Span(start_s=span.start_s, end_s=min(span.end_s, stopped_s))
    started_s = started_by(history, e.app, e.boot)
    if started_s is None or started_s > span.end_s:
        return _not_started(e, claim, app, span, history)
    watch = Span(start_s=max(span.start_s, started_s), end_s=span.end_s)
    asked = samples(history, e.app, e.boot)
    seen = [s for s in asked if s.at_s >= watch.start_s and answered_s(s) <= watch.end_s]
    if broken := next((s for s in seen if s.state in _NO_ANSWER), None):
        return failed(e.kind, claim, _said(broken))
    verdict = _turned(e, claim, watch, seen, app.health)
    if verdict.outcome is Outcome.FAIL:
        told = _silenced(e, seen, asked, app.health)
        return replace(verdict, because=(*verdict.because, *reasons(told)))
    if verdict.outcome is Outcome.PASS and (silent := _silent(watch, seen, asked, sampling)):
        return unknown(e.kind, claim, silent, *verdict.because)
    if verdict.outcome is Outcome.PASS and not _seen_to_its_end(e, span, history):
        return unknown(e.kind, claim, "the run was cut short of the heal", *verdict.because)
    return _until(verdict, e, span, stopped_s)


def _silent(
    watch: Span, seen: list[HealthSample], asked: list[HealthSample], sampling: Sampling
) -> str:
    """How long nothing was heard before the heal, where that is too long; empty where it is not.

    Either nobody asked, or the app let a question wait.
    """
    silent_s = watch.end_s - max((answered_s(s) for s in seen), default=watch.start_s)
    open_s = (s.at_s for s in asked if s.at_s < watch.end_s < answered_s(s))
    waited_s = watch.end_s - min(open_s, default=watch.end_s)
    if silent_s <= silence_s(sampling) and waited_s <= UNANSWERED_S:
        return ""
    return f"nothing was heard of health in the last {silent_s:.3f} s of the fault"


def _replaced_s(e: Degrades, history: History) -> float | None:
    """When the plan replaced this boot: its questions end first, and then the app may take its time
    to end. None where it did not.
    """
    if (stopped := replaced(history, e.app, e.boot)) is None:
        return None
    asked = history.last(QuestionsAsked, lambda q: (q.app, q.boot) == (e.app, e.boot))
    return min(stopped.at_s, asked.at_s) if asked else stopped.at_s


def _until(verdict: Verdict, e: Degrades, span: Span, stopped_s: float | None) -> Verdict:
    """The verdict, with until when this boot was judged where that was not the fault's heal."""
    if stopped_s is None or stopped_s > span.end_s:
        return verdict
    told = f"judged until the plan replaced boot {e.boot} at {span.end_s:.3f} s, before the heal"
    return replace(verdict, because=(*verdict.because, *reasons([told])))


def _seen_to_its_end(e: Degrades, span: Span, history: History) -> bool:
    """To the heal, or to the end of a boot that the plan replaced before it. A run that is broken
    off heals its faults as well, but before their time.
    """
    stopped_s = _replaced_s(e, history)
    if stopped_s is not None and stopped_s <= span.end_s:
        return True
    end = run_ended(history)
    healing = history.first(FaultHealing, lambda h: h.fault == e.fault)
    return healing is not None and (end is None or end.settled)


def _silenced(
    e: Degrades, seen: list[HealthSample], asked: list[HealthSample], contract: HealthContract
) -> Iterator[str]:
    """How health hid what it was to name: it contradicted itself, dropped it, or saw nothing."""
    naming = set(e.naming)
    healthy = (s for s in seen if s.state is HealthState.HEALTHY)
    named = {name for s in healthy for name in contract.lost(s.dependencies)} & naming
    if named:
        yield f"it called itself healthy while it named {', '.join(sorted(named))} as lost"
        return
    before = {name for s in asked if s.at_s < seen[-1].at_s for name in s.dependencies}
    if gone := sorted((naming & before) - set(seen[-1].dependencies)):
        are = "is" if len(gone) == 1 else "are"
        yield f"{', '.join(gone)}, which it named before, {are} not mentioned any more"
    elif all(s.state is HealthState.HEALTHY for s in seen):
        yield "health said healthy all the while, naming nothing as lost"


def _died_by(at_s: float, e: Degrades, history: History) -> str:
    ended = exited(history, e.app, e.boot)
    if ended is None or ended.asked or ended.at_s > at_s:
        return ""
    return f"the process exited with {ended.exit_code} at {ended.at_s:.3f} s"


def _not_started(e: Degrades, claim: str, app: App, span: Span, history: History) -> Verdict:
    """A fault that ends before a start-up must be over says nothing of that start-up."""
    begun = spawned(history, e.app, e.boot)
    due_s = begun.at_s + app.deadlines.startup_s if begun else span.end_s + 1.0
    if span.end_s < due_s:
        over = "this boot" if replaced(history, e.app, e.boot) else "the fault"
        why = f"{over} was over before start-up was, which had time left"
        return unknown(e.kind, claim, why)
    return failed(e.kind, claim, "start-up was not complete while the fault held")


def _turned(
    e: Degrades, claim: str, watch: Span, seen: list[HealthSample], contract: HealthContract
) -> Verdict:
    """Degraded in time, and from then on; what was asked before that answer may still differ."""
    turned = (s for s in seen if s.state is HealthState.DEGRADED)
    first = min(turned, key=answered_s, default=None)
    if first is None:
        if early := _too_early(seen, watch, watch.start_s + (e.within_s or 0.0)):
            return unknown(e.kind, claim, early, *map(_said, seen[-1:]))
        return failed(e.kind, claim, "health never said degraded", *map(_said, seen[-1:]))
    after_s = answered_s(first) - watch.start_s
    if e.within_s is not None and after_s > e.within_s:
        late = f"only after {after_s:.3f} s"
        before = next((s for s in reversed(seen) if s.at_s < first.at_s), None)
        if unseen := between_looks(before, first, watch.start_s + e.within_s):
            return unknown(e.kind, claim, late, unseen, _said(first))
        return failed(e.kind, claim, late, _said(first))
    held = [first, *(s for s in seen if s.at_s >= answered_s(first))]
    if other := next((s for s in held if s.state is not HealthState.DEGRADED), None):
        return failed(e.kind, claim, "did not stay so while the fault held", _said(other))
    because = (
        f"degraded after {after_s:.3f} s, {len(held)} answers over "
        f"{watch.end_s - first.at_s:.3f} s, all degraded"
    )
    return _named(e, claim, because, watch=watch, held=held, contract=contract)


def _too_early(seen: list[HealthSample], watch: Span, due_s: float) -> str:
    """Why what health did not say may yet have come in time; empty where it may not."""
    if watch.end_s < due_s:
        return f"the fault held only {watch.end_s - watch.start_s:.3f} s of the app's time"
    if not seen:
        return "nothing was heard of health while the fault held"
    return unheard(seen, due_s)


def _named(
    e: Degrades,
    claim: str,
    because: str,
    *,
    watch: Span,
    held: list[HealthSample],
    contract: HealthContract,
) -> Verdict:
    """Exactly the right names in time, and from then on."""
    if strange := _unreadable(held, contract):
        return unknown(e.kind, claim, because, strange)
    right = [s for s in held if set(contract.lost(s.dependencies)) == set(e.naming)]
    due_s = watch.start_s + (e.within_s or 0.0)
    if held[-1] not in right:
        names = ", ".join(contract.lost(held[-1].dependencies)) or "nothing"
        if not right and (early := _too_early(held, watch, due_s)):
            told = f"the last answer names {names} as lost"
            return unknown(e.kind, claim, because, early, told)
        why = f"at the end of the fault it names {names} as lost"
        return failed(e.kind, claim, because, why)
    named = min(right, key=answered_s)
    after_s = answered_s(named) - watch.start_s
    if e.within_s is not None and after_s > e.within_s:
        late = f"named so only after {after_s:.3f} s"
        before = next((s for s in reversed(held) if s.at_s < named.at_s), None)
        if unseen := between_looks(before, named, due_s):
            return unknown(e.kind, claim, because, late, unseen)
        return failed(e.kind, claim, because, late)
    later = [named, *(s for s in held if s.at_s >= answered_s(named))]
    if other := next((s for s in later if s not in right), None):
        names = ", ".join(contract.lost(other.dependencies)) or "nothing"
        why = f"at {other.at_s:.3f} s it named {names} as lost"
        return failed(e.kind, claim, because, why)
    if len(later) < MIN_SAMPLES:
        return unknown(e.kind, claim, f"only {len(later)} degraded answers before the heal")
    return passed(e.kind, claim, because, f"names {', '.join(sorted(e.naming))} as lost")


def _unreadable(held: list[HealthSample], contract: HealthContract) -> str:
    words = {w for s in held for w in s.dependencies.values() if w.lower() not in contract.words}
    if not words:
        return ""
    shown = ", ".join(f"'{word}'" for word in sorted(words))
    return f"it calls a dependency {shown}, which [apps.<app>.health.words] does not explain"


def _said(sample: HealthSample) -> str:
    if sample.status_code is None and "timeout" in (sample.error or "").lower():
        return f"health gave no answer within {sample.took_s:.1f} s, asked at {sample.at_s:.3f} s"
    answer = sample.error or f"{sample.status_code} {sample.word}"
    return f"at {sample.at_s:.3f} s health was {sample.state.value}: {answer}"

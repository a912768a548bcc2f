"""`degrades`: under a fault health answers degraded and names what is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.as_one_boot import as_one_boot, boot_at
from chaoslab.evidence.dependencies import hidden_losses, lost, unknown_words
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
    around_span,
    asked_s,
    exited_by,
    fault_span,
    not_asked_at,
    not_asked_until,
    replaced,
    samples,
    spawned,
    started_by,
)
from chaoslab.evidence.under_fault import TOO_SHORT
from chaoslab.evidence.until_heal import (
    CUT_SHORT,
    replaced_s,
    silent_before_heal,
    watched_until_heal,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Run
from chaoslab.expectations.of_fault import OfFault
from chaoslab.faults.evidence import Evidence
from chaoslab.history.events import (
    HealthSample,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Seen
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.topology import App
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

NOT_ON_LINK = Code(
    "fault.not_observed_on_link",
    "{fault} was not observed to affect the link to {services}",
    "The fault affected the app, and was not observed on every link that `naming` requires.",
)
REPLACED_BEFORE_FAULT = Code(
    "app.replaced_before_fault",
    "the plan ended boot {boot} at {at_s:.3f} s, before the fault",
    "The boot that the claim is about had ended before the fault was in force.",
)
REPLACED_BEFORE_HEAL = Code(
    "app.replaced_before_heal",
    "judged until the plan ended boot {boot} at {at_s:.3f} s, before the heal",
    "The boot that the claim is about ended while the fault was in force.",
)


def _over_before_start(data: Mapping[str, Any]) -> str:
    over = f"boot {data['boot']} was replaced" if data["replaced"] else f"{data['fault']} ended"
    return f"{over} at {data['over_s']:.3f} s, and start-up had until {data['bound_s']:.3f} s"


OVER_BEFORE_START = Code(
    "fault.over_before_start",
    _over_before_start,
    "The fault, or the boot, ended before the time for the start-up was over.",
    data=("fault", "boot", "replaced", "over_s", "bound_s"),
)
NO_QUESTION = Code(
    "health.no_question_under_fault",
    "no question to health was asked and answered while {fault} was in force",
    "Nothing shows what health would have answered under the fault.",
)
NEVER_DEGRADED = Code(
    "health.never_degraded",
    "health never answered degraded while {fault} was in force",
    "No answer of health under the fault was degraded.",
)
DEGRADED_LATE = Code(
    "health.degraded_late",
    "degraded only after {after_s:.3f} s",
    "The first degraded answer arrived after its bound. The seconds count from the fault, or "
    "from the end of start-up if that was later.",
    data=("within_s",),
)
NOT_THROUGHOUT = Code(
    "health.not_degraded_throughout",
    "health did not stay degraded while {fault} was in force",
    "After the first degraded answer, health gave an answer of another state under the same fault.",
)
DEGRADED = Code(
    "health.degraded",
    "degraded after {after_s:.3f} s, {count} answers over {over_s:.3f} s, all degraded",
    "When health was first degraded, in seconds since the fault or the end of start-up, and how "
    "many answers there were from then on.",
)
NAMED_LATE = Code(
    "health.named_late",
    "named exactly what is lost only after {after_s:.3f} s",
    "The first answer with the right names arrived after its bound.",
    data=("within_s",),
)
MIN_SAMPLES = 3  # fewer answers do not show that health stayed degraded
_NO_ANSWER = (HealthState.UNHEALTHY, HealthState.UNREACHABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Degrades(OfFault):
    """Under `fault` health answers 200 degraded and names exactly the dependencies in `naming`. If
    `naming` is None, the names do not matter.

    It does so within `within_s` of the fault, or of the end of start-up if that is later, and until
    the heal. If the plan replaces the boot before the heal, the boot is judged until then.
    """

    naming: tuple[str, ...] | None = None
    within_s: float | None = None
    boot: int = 1
    kind: Literal["degrades"] = "degrades"

    app_defaults: ClassVar[AppDefaults] = {"within_s": lambda app: app.deadlines.degraded_s}

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from OfFault.problems(self, place)
        if self.naming is not None:
            yield from needs.names(place, self.naming)

    def awaits(self, seen: Seen) -> bool:
        """Whether the app still has time to answer degraded with the right names after the newest
        fault, and has not done so yet.
        """
        if not seen.in_force_s or seen.complete_s is None:
            return False
        any_name = self.fault not in seen.in_force_s or self.naming is None
        named = any_name or set(self.naming or ()) == set(seen.lost)
        came = seen.state is HealthState.DEGRADED and named
        begun_s = max(*seen.in_force_s.values(), seen.complete_s)
        return not came and seen.now_s < begun_s + (self.within_s or 0.0)

    def given(self, run: Run) -> Iterator[Given]:
        history, limits = run.history, run.app(self.app).deadlines
        held = fault_span(history, self.fault)
        around = around_span(history, self.fault)
        boot = boot_at(self.app, self.boot, around.start_s, history) if around else self.boot
        complete_s = started_by(history, self.app, boot)
        if complete_s is None or (held and complete_s > held.end_s):
            startup_s, gives_up_s = limits.startup_s, limits.gives_up_s
            yield from start_of(self.app, boot, startup_s, gives_up_s, history)
        else:
            begin_s = max(complete_s, asked_s(history, self.fault))
            yield Given(span=Span(start_s=begin_s, end_s=begin_s + (self.within_s or 0.0)))

    def unobserved(self, evidence: Evidence, app: App) -> Reason | None:
        """The reason with the names in `naming` for which there is no evidence that the fault
        affected the app; None if there are none. A name needs evidence on the link to that service;
        a name that is no link of the app needs evidence on every link.
        """
        if evidence.fault != self.fault:
            return None
        missing = [
            name
            for name in self.naming or ()
            if not (
                evidence.observed_on(name) if name in app.links else evidence.observed_everywhere
            )
        ]
        return NOT_ON_LINK(fault=self.fault, services=missing) if missing else None

    def judged(self, run: Run) -> Verdict:
        history = run.history
        names = f" naming {', '.join(self.naming)}" if self.naming else ""
        claim = f"{self.app} answers 200 degraded{names} within {self.within_s} s"
        span = fault_span(history, self.fault)
        if span is None:
            return unknown(self.kind, claim, NOT_IN_FORCE(fault=self.fault))
        around = around_span(history, self.fault) or span
        # the boot that runs when the fault begins: a supervisor may have restarted the app before
        boot = boot_at(self.app, self.boot, around.start_s, history)
        return replace(self, boot=boot)._under_fault(run, claim, span, around)

    def seen_in(self, history: History) -> History:
        """The history with the boot and its restarts as one: the boot that is judged is one of
        them.
        """
        return as_one_boot(self.app, self.boot, history, to_the_end=False)

    def _under_fault(self, run: Run, claim: str, span: Span, around: Span) -> Verdict:
        """The verdict for the boot `boot` while the fault was in force, the time `span`. From the
        request of the fault until the heal is over, the time `around`, it may not exit, and no
        answer may be missing or an error.
        """
        app, history = run.app(self.app), run.history
        if gone := exited_by(around.end_s, self, history):
            return failed(self.kind, claim, process_exit(gone))
        if (stopped_s := replaced_s(self, history)) is not None:
            # the plan ended this boot while the fault was in force: it is judged until then
            if stopped_s <= span.start_s:
                over = REPLACED_BEFORE_FAULT(boot=self.boot, at_s=stopped_s)
                return unknown(self.kind, claim, over)
            span = replace(span, end_s=min(span.end_s, stopped_s))
            around = replace(around, end_s=min(around.end_s, stopped_s))
        started_s = started_by(history, self.app, self.boot)
        if started_s is None or started_s > span.end_s:
            return _not_started(self, claim, app, span, history)
        watch = Span(start_s=max(span.start_s, started_s), end_s=span.end_s)
        asked = samples(history, self.app, self.boot)
        seen = [s for s in asked if _is_in(s, watch)]
        around = replace(around, start_s=max(around.start_s, started_s))
        if broken := next((s for s in asked if s.state in _NO_ANSWER and _is_in(s, around)), None):
            return failed(self.kind, claim, health_answer(broken))
        verdict = _degraded_in_time(self, claim, watch, seen, app.health)
        if verdict.outcome is Outcome.FAIL:
            how = hidden_losses(self.naming, seen, asked, app.health) if self.naming else ()
            return replace(verdict, because=(*verdict.because, *how))
        if verdict.outcome is Outcome.PASS:
            if silent := silent_before_heal(self, watch, seen, asked, run.plan.sampling):
                return unknown(self.kind, claim, silent, *verdict.because)
            if not watched_until_heal(self, span, history):
                return unknown(self.kind, claim, CUT_SHORT(fault=self.fault), *verdict.because)
        if stopped_s is None or stopped_s > span.end_s:
            return verdict
        until = REPLACED_BEFORE_HEAL(boot=self.boot, at_s=span.end_s)
        return replace(verdict, because=(*verdict.because, until))


def _is_in(sample: HealthSample, span: Span) -> bool:
    return sample.at_s >= span.start_s and answered_s(sample) <= span.end_s


def _not_started(e: Degrades, claim: str, app: App, span: Span, history: History) -> Verdict:
    """The verdict for a start-up that was not complete under the fault: FAIL only if the fault
    lasted until the start-up had to be complete, else UNKNOWN.
    """
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


def _degraded_in_time(
    e: Degrades, claim: str, watch: Span, seen: list[HealthSample], contract: HealthContract
) -> Verdict:
    """The verdict on whether health was degraded in time, stayed degraded and named the right
    dependencies. A request that was sent before the first degraded answer arrived may get another
    answer.
    """
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
        if unseen := not_asked_at(before, first, watch.start_s + e.within_s):
            return unknown(e.kind, claim, late, unseen, health_answer(first))
        return failed(e.kind, claim, late, health_answer(first))
    held = [first, *(s for s in seen if s.at_s >= answered_s(first))]
    if other := next((s for s in held if s.state is not HealthState.DEGRADED), None):
        return failed(e.kind, claim, NOT_THROUGHOUT(fault=e.fault), health_answer(other))
    because = DEGRADED(after_s=after_s, count=len(held), over_s=watch.end_s - first.at_s)
    return _named(e, claim, because, watch=watch, held=held, contract=contract)


def _too_early(e: Degrades, seen: list[HealthSample], watch: Span) -> Reason | None:
    """The reason why an answer that was not observed may still have arrived in time; None if the
    fault lasted to the bound and health was asked up to the bound.
    """
    within_s = e.within_s or 0.0
    due_s = watch.start_s + within_s
    if watch.end_s < due_s:
        held_s = watch.end_s - watch.start_s
        return TOO_SHORT(fault=e.fault, held_s=held_s, within_s=within_s)
    return not_asked_until(seen, due_s) if seen else NO_QUESTION(fault=e.fault)


def _named(
    e: Degrades,
    claim: str,
    because: Reason,
    *,
    watch: Span,
    held: list[HealthSample],
    contract: HealthContract,
) -> Verdict:
    """The verdict on whether health named exactly the right dependencies in time and afterwards.
    Any names are right if `naming` is None.
    """
    if e.naming is None:
        if len(held) < MIN_SAMPLES:
            return unknown(e.kind, claim, FEW_ANSWERS(count=len(held), required=MIN_SAMPLES))
        return passed(e.kind, claim, because)
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
        if unseen := not_asked_at(before, named, watch.start_s + e.within_s):
            return unknown(e.kind, claim, because, late, unseen)
        return failed(e.kind, claim, because, late)
    later = [named, *(s for s in held if s.at_s >= answered_s(named))]
    if other := next((s for s in later if s not in right), None):
        return failed(e.kind, claim, because, lost(other, e.naming, contract))
    if len(later) < MIN_SAMPLES:
        return unknown(e.kind, claim, FEW_ANSWERS(count=len(later), required=MIN_SAMPLES))
    return passed(e.kind, claim, because, lost(named, e.naming, contract))

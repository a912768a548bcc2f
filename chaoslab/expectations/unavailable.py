"""`unavailable`: under a fault health answers an error, and answers it in time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.evidence.given import Given
from chaoslab.evidence.reasons import FEW_ANSWERS, health_answer, process_exit
from chaoslab.evidence.timeline import Span, answered_s, not_asked_at, not_asked_until
from chaoslab.evidence.under_fault import Under, answers_under, exit_under, under, was_watched
from chaoslab.evidence.until_heal import CUT_SHORT
from chaoslab.expectations.base import AppDefaults, Run
from chaoslab.expectations.of_fault import OfFault
from chaoslab.history.events import HealthSample
from chaoslab.model.health import HealthState
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

MIN_ANSWERS = 3  # fewer answers do not show that health stays unavailable

UNAVAILABLE = Code(
    "health.unavailable",
    "health answered an error after {after_s:.3f} s, and {count} times until the end of {fault}; "
    "the slowest answer took {slowest_s:.3f} s",
    "When health first answered an error, in seconds since the fault or since its first answer "
    "under it, and how often it did so from then on.",
)
NEVER = Code(
    "health.never_unavailable",
    "health never answered an error while {fault} was in force",
    "Under the fault no answer of health was an error. A question without an answer is none.",
)
LATE = Code(
    "health.unavailable_late",
    "health answered an error only after {after_s:.3f} s",
    "The first error that health answered came after its bound.",
    data=("within_s",),
)
NOT_THROUGHOUT = Code(
    "health.not_unavailable_throughout",
    "health did not go on answering an error in time while {fault} was in force: {cause}",
    "After its first error health answered otherwise, too late, or not at all under the same"
    " fault. `cause` is the code of the reason, beside its data.",
)
SLOW = Code(
    "health.slow_answer",
    "it answered {status_code} after {took_s:.3f} s, asked at {at_s:.3f} s; the prober waits for "
    "{limit_s:g} s",
    "An answer of health came later than the platform's prober waits for it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable(OfFault):
    """Under `fault` health answers an error: an answer that means unhealthy, within
    `health.prober_timeout_s`. The process does not exit.

    It does so within `within_s` of the fault, or of its first answer under it, and until the heal.
    """

    within_s: float | None = None
    kind: Literal["unavailable"] = "unavailable"

    app_defaults: ClassVar[AppDefaults] = {"within_s": lambda app: app.deadlines.degraded_s}

    def given(self, run: Run) -> Iterator[Given]:
        if isinstance(found := under(self, run.history), Under):
            start_s = _from_s(found, answers_under(self, found, run.history))
            yield Given(span=Span(start_s=start_s, end_s=start_s + (self.within_s or 0.0)))

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        history, limit_s = run.history, run.app(self.app).health.prober_timeout_s
        claim = f"health of {self.app} answers an error in time while {self.fault} is in force"
        found = under(self, history)
        if isinstance(found, Reason):
            return unknown(self.kind, claim, found)
        if gone := exit_under(self, found, history):
            return failed(self.kind, claim, process_exit(gone))
        seen = answers_under(self, found, history)
        errors = [s for s in seen if _is_error(s, limit_s)]
        if not errors:
            return self._never(run, claim, found, seen)
        first, begun_s = errors[0], _from_s(found, seen)
        after_s = answered_s(first) - begun_s
        if self.within_s is not None and after_s > self.within_s:
            late = LATE(after_s=after_s, within_s=self.within_s)
            before = next((s for s in reversed(seen) if s.at_s < first.at_s), None)
            if unseen := not_asked_at(before, first, begun_s + self.within_s):
                return unknown(self.kind, claim, late, unseen, health_answer(first))
            return failed(self.kind, claim, late, health_answer(first))
        later = [first, *(s for s in seen if s.at_s >= answered_s(first))]
        if other := next((s for s in later if not _is_error(s, limit_s)), None):
            why = NOT_THROUGHOUT.because_of(_wrong(other, limit_s), fault=self.fault)
            return failed(self.kind, claim, why)
        slowest_s = max(s.took_s for s in later)
        because = UNAVAILABLE(
            after_s=after_s, count=len(later), fault=self.fault, slowest_s=slowest_s
        )
        if len(later) < MIN_ANSWERS:
            few = FEW_ANSWERS(count=len(later), required=MIN_ANSWERS)
            return unknown(self.kind, claim, few, because)
        if not was_watched(self, found, history):
            return unknown(self.kind, claim, CUT_SHORT(fault=self.fault), because)
        return passed(self.kind, claim, because)

    def _never(self, run: Run, claim: str, found: Under, seen: Sequence[HealthSample]) -> Verdict:
        """The verdict for an app whose health never answered an error: FAIL if it had its time."""
        last, within_s = tuple(map(health_answer, seen[-1:])), self.within_s or 0.0
        if found.at_boot and not _answered(seen):
            within_s = max(within_s, run.app(self.app).deadlines.startup_s)
        begun_s = _from_s(found, seen)
        if early := found.too_short(self.fault, begun_s - found.span.start_s + within_s):
            return unknown(self.kind, claim, early, *last)
        if early := not_asked_until(seen, begun_s + within_s):
            return unknown(self.kind, claim, early, *last)
        return failed(self.kind, claim, NEVER(fault=self.fault), *last)


def _is_error(sample: HealthSample, limit_s: float) -> bool:
    """Whether the answer is an honest error, in the time that a prober waits for it."""
    is_unhealthy = sample.state is HealthState.UNHEALTHY
    return is_unhealthy and sample.status_code is not None and sample.took_s <= limit_s


def _wrong(sample: HealthSample, limit_s: float) -> Reason:
    if sample.status_code is not None and sample.took_s > limit_s:
        return SLOW(
            status_code=sample.status_code,
            took_s=sample.took_s,
            at_s=sample.at_s,
            limit_s=limit_s,
        )
    return health_answer(sample)


def _answered(seen: Sequence[HealthSample]) -> list[HealthSample]:
    return [s for s in seen if s.status_code is not None]


def _from_s(found: Under, seen: Sequence[HealthSample]) -> float:
    """The time from which the bound counts: the begin of the fault; for a boot under it, the first
    answer of health.
    """
    answered = _answered(seen)
    if found.at_boot and answered:
        return answered_s(answered[0])
    return found.span.start_s

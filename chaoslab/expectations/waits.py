"""`waits`: under a fault the app answers nothing, and does not exit. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from chaoslab.evidence.every_boot import load_names, requests_of
from chaoslab.evidence.given import Given
from chaoslab.evidence.reasons import health_answer, process_exit
from chaoslab.evidence.timeline import Span, answered_s
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.evidence.under_fault import Under, answers_under, exit_under, under, was_watched
from chaoslab.evidence.until_heal import CUT_SHORT
from chaoslab.expectations.base import AppDefaults, Run
from chaoslab.expectations.of_fault import OfFault
from chaoslab.history.events import Bound, Request
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

QUIET_S = 1.0  # an app that answers nothing for so long waits; a shorter pause may be any

QUIET = Code(
    "wait.quiet",
    lambda data: (
        f"answered nothing for {data['quiet_s']:.3f} s, until the end of {data['fault']}: "
        f"{data['questions']} questions of health"
        + ("" if data["listened"] else "; it did not listen")
    ),
    "For how long the app answered neither health nor a request of a load, until the heal.",
    data=("quiet_s", "fault", "questions", "listened"),
)
ANSWERS_REQUEST = Code(
    "wait.request_answered",
    lambda data: (
        f"it answered '{data['request']}', sent at {data['at_s']:.3f} s: {response_text(data)}"
    ),
    "The app answered a request of a load under the fault, after its time to stop answering.",
    data=("request", "at_s", "status_code", "answer", "error"),
)
QUIET_SHORTLY = Code(
    "wait.quiet_shortly",
    "answered nothing for only {quiet_s:.3f} s until the end of {fault}; {required_s:g} s are "
    "required",
    "The app answered shortly before the heal, or the fault was too short.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits(OfFault):
    """Under `fault` the app does not listen, or answers neither health nor a request of a load. Its
    process does not exit.

    A boot under the fault answers nothing from its spawn on. An app that runs when the fault begins
    may answer for `within_s` more. Both answer nothing until the heal.
    """

    within_s: float | None = None
    kind: Literal["waits"] = "waits"

    app_defaults: ClassVar[AppDefaults] = {"within_s": lambda app: app.deadlines.degraded_s}

    def given(self, run: Run) -> Iterator[Given]:
        if isinstance(found := under(self, run.history), Under) and not found.at_boot:
            start_s = found.span.start_s
            yield Given(span=Span(start_s=start_s, end_s=start_s + (self.within_s or 0.0)))

    def given_more(self, more_s: float) -> Self:
        return replace(self, within_s=(self.within_s or 0.0) + more_s)

    def judged(self, run: Run) -> Verdict:
        history = run.history
        claim = f"{self.app} answers nothing and does not exit while {self.fault} is in force"
        found = under(self, history)
        if isinstance(found, Reason):
            return unknown(self.kind, claim, found)
        if gone := exit_under(self, found, history):
            return failed(self.kind, claim, process_exit(gone))
        heard = [*self._answers(run, found)]
        start_s, end_s = found.span.start_s, found.span.end_s
        due_s = start_s if found.at_boot else start_s + (self.within_s or 0.0)
        if late := next((why for sent_s, _, why in heard if sent_s >= due_s), None):
            return failed(self.kind, claim, late)
        quiet_s = end_s - max((over for _, over, _ in heard), default=start_s)
        if quiet_s < QUIET_S:
            shortly = QUIET_SHORTLY(quiet_s=quiet_s, fault=self.fault, required_s=QUIET_S)
            return unknown(self.kind, claim, shortly)
        bound = history.first_of_boot(Bound, self.app, found.boot.boot)
        because = QUIET(
            quiet_s=quiet_s,
            fault=self.fault,
            questions=sum(s.at_s >= end_s - quiet_s for s in answers_under(self, found, history)),
            listened=found.boot.standing or (bound is not None and bound.at_s <= end_s),
        )
        if not was_watched(self, found, history):
            return unknown(self.kind, claim, CUT_SHORT(fault=self.fault), because)
        return passed(self.kind, claim, because)

    def _answers(self, run: Run, found: Under) -> Iterator[tuple[float, float, Reason]]:
        """Yields each answer of the app under the fault: when the question was sent, when it was
        over, and what was answered.
        """
        for sample in answers_under(self, found, run.history):
            if sample.status_code is not None:
                yield sample.at_s, answered_s(sample), health_answer(sample)
        for name in load_names(self, run.plan):
            for request in requests_of(self, run.history, name):
                if request.status_code is not None and _is_in(found.span, request):
                    what = ANSWERS_REQUEST(request=name, at_s=request.at_s, **response(request))
                    yield request.at_s, over_s(request), what


def _is_in(span: Span, request: Request) -> bool:
    return request.at_s >= span.start_s and over_s(request) <= span.end_s

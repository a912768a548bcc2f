"""`ready_when_serving`: readiness answers ready while the app serves users, and only then. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.answering import FEW_ANSWERS, NOT_ASKED
from chaoslab.evidence.given import Given
from chaoslab.evidence.readiness import (
    LATE_S,
    MIN_IN_A_ROW,
    NO_WRITES_IN_A_ROW,
    NOT_AGREED_AT_END,
    Answer,
    Row,
    agreed,
    answers_of,
    contradicted,
    during,
    early,
    known_until_s,
    never_not_ready,
    not_ready_during,
    ready_since,
    rows_of,
)
from chaoslab.evidence.reasons import CUT_SHORT, process_exit
from chaoslab.evidence.timeline import (
    Span,
    exited,
    gap,
    last_healed_s,
    silence_s,
    spawned,
)
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import FaultHealing, FirstAnswer
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Reason

AHEAD_S = 0.5  # readiness may change this long before the first write that is served again


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyWhenServing(OfRequest):
    """Readiness answers 2xx while the app serves the writes of its load, and not otherwise.

    It must not be 2xx before start-up is complete, or while writes are refused. It must be 2xx
    again once writes are served. After each change it may be wrong for `within_s`.
    """

    within_s: float | None = None
    boot: int = 1
    kind: Literal["ready_when_serving"] = "ready_when_serving"

    watches: ClassVar[frozenset[Watch]] = frozenset({"readiness"})
    app_defaults: ClassVar[AppDefaults] = {
        **OfRequest.app_defaults,
        "within_s": lambda app: app.deadlines.degraded_s,
    }

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_path(place, self, "ready_path")
        yield from needs.a_load(place, self)

    def given(self, run: Run) -> Iterator[Given]:
        if (healed_s := last_healed_s(run.history)) is not None:
            yield Given(span=Span(start_s=healed_s, end_s=healed_s + (self.within_s or 0.0)))

    def judged(self, run: Run) -> Verdict:
        plan, history = run.plan, run.history
        within_s = self.within_s or 0.0
        claim = (
            f"readiness of {self.app} answers 2xx while users are served and only then; "
            f"it may be wrong for {within_s} s after a change"
        )
        known_s = known_until_s(plan, history)
        answers, rows = answers_of(self, history, known_s), rows_of(self, history, known_s)
        if why := early(self, answers, plan, history):
            return failed(self.kind, claim, why)
        heals_s = [h.at_s for h in history.of(FaultHealing) if h.fault in (self.rests_on or ())]
        if why := next(_contradictions(rows, answers, within_s, heals_s), None):
            return failed(self.kind, claim, why)
        if why := _unjudged(self, plan, answers, rows, history):
            return unknown(self.kind, claim, why)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT())
        return passed(self.kind, claim, *(agreed(row, answers) for row in rows))

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says what the run still waits for: the app to serve writes and answer ready,
        for at most the time of a start. None if nothing.
        """
        history, startup_s = run.history, run.app(self.app).deadlines.startup_s
        begun, ended = spawned(history, self.app, self.boot), exited(history, self.app, self.boot)
        if begun is None or ended is not None:
            return None if ended else f"boot {self.boot} of {self.app}"
        since_s = max(begun.at_s, last_healed_s(history) or 0.0)
        within_s = self.within_s or 0.0
        if now_s > since_s + startup_s + within_s + LATE_S:
            return None
        rows, answers = rows_of(self, history, now_s), answers_of(self, history, now_s)
        if rows and rows[-1].served and rows[-1].last_s >= since_s:
            longest_s = within_s + run.plan.sampling.prober_cadence_s * (MIN_IN_A_ROW + 1)
            if ready_since(rows[-1], answers) or rows[-1].last_s - rows[-1].shown_s > longest_s:
                return None
        return f"{self.app} to serve again, and to answer ready"


def _contradictions(
    rows: list[Row], answers: list[Answer], within_s: float, heals_s: list[float]
) -> Iterator[Reason]:
    """Yields a reason for each row of writes that readiness contradicted after the bound had
    passed.

    A row is a series of writes that were all served, or all not served.
    """
    for row in rows:
        until_s = _row_ends_s(row, heals_s)
        late = [a for a in during(row, answers, within_s) if a.over_s <= until_s]
        wrong = [a for a in late if a.ready is not row.served and a.code is not None]
        if len(wrong) >= MIN_IN_A_ROW:
            yield contradicted(row, wrong)


def _row_ends_s(row: Row, heals_s: list[float]) -> float:
    """The time until which readiness must agree with `row`: the last write of the row. In a row of
    writes that were not served, readiness may already change half a second earlier, but not before
    the heal.
    """
    if row.served:
        return row.last_s
    healed_s = [h_s for h_s in heals_s if row.shown_s < h_s <= row.last_s]
    return max(row.last_s - AHEAD_S, *healed_s) if healed_s else row.last_s - AHEAD_S


def _unjudged(
    e: ReadyWhenServing, plan: Plan, answers: list[Answer], rows: list[Row], history: History
) -> Reason | None:
    """The reason why it is not known whether readiness was always right; None if it is known."""
    ended = exited(history, e.app, e.boot)
    if len(answers) < MIN_IN_A_ROW:
        return FEW_ANSWERS(path="readiness", count=len(answers), required=MIN_IN_A_ROW)
    if not rows:
        return NO_WRITES_IN_A_ROW(required=MIN_IN_A_ROW)
    if ended is not None and not ended.asked:
        return process_exit(ended)
    if pause := _pause(e, plan, answers, rows, history):
        return NOT_ASKED(path="readiness", start_s=pause.start_s, end_s=pause.end_s)
    refused = [row for row in rows if not row.served]
    if refused and not any(not_ready_during(row, answers) for row in refused):
        return never_not_ready(max(refused, key=lambda row: row.lasted_s))
    at_last = ready_since if rows[-1].served else not_ready_during
    return None if at_last(rows[-1], answers) else NOT_AGREED_AT_END(served=rows[-1].served)


def _pause(
    e: ReadyWhenServing, plan: Plan, answers: list[Answer], rows: list[Row], history: History
) -> Span | None:
    """The first time, between the app's first answer and the last write, in which the lab sent no
    request to readiness for longer than is allowed; None if there was none.
    """
    first = history.first(FirstAnswer, lambda a: (a.app, a.boot) == (e.app, e.boot))
    begun_s = [first.at_s] if first and first.at_s < answers[0].at_s else []
    asked = [Span(start_s=a.at_s, end_s=a.over_s) for a in answers]
    asked += [Span(start_s=s, end_s=s) for s in (*begun_s, rows[-1].last_s)]
    longest_s = silence_s(plan.sampling) + 3 * plan.sampling.prober_cadence_s
    return gap(sorted(asked, key=lambda span: span.start_s), longest_s)

"""`refuses_honestly`: a write that the app cannot store is answered 503 with Retry-After. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.evidence.writing import dry_s, loads_begin_s, started_by_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import (
    FaultInForce,
    Request,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

MOST_NAMED = 3
UNAVAILABLE = 503

SOME_WRONG = Code(
    "refusal.some_wrong",
    "{count} of {refused} error responses are not 503 with Retry-After",
    "Some writes were answered with a status of 500 or more that is not 503 with Retry-After.",
)


def _wrong_text(data: Mapping[str, Any]) -> str:
    is_503 = data["status_code"] == UNAVAILABLE
    lacks = "without Retry-After" if is_503 else f"expected {UNAVAILABLE}"
    return f"at {data['at_s']:.3f} s: {response_text(data)} ({lacks})"


WRONG = Code(
    "refusal.wrong",
    _wrong_text,
    "A write was answered with a status of 500 or more, and not with 503 and Retry-After.",
    data=("at_s", "retry_after", "status_code", "answer", "error"),
)
ALL_RIGHT = Code(
    "refusal.all_right",
    "{count} writes were answered 503 with Retry-After, and none with another status from 500 on",
    "Every answer of 500 or more to a write was a 503 with Retry-After.",
)
FEW = Code(
    "refusal.few",
    "only {count} writes were refused, expected at least {at_least}",
    "Fewer writes were answered with a status of 500 or more than the claim requires.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusesHonestly(OfRequest):
    """Each write of the load that the app answers with a status of 500 or more is answered 503 with
    Retry-After.

    At least `at_least` writes must be answered so; 0 accepts that none is.
    """

    at_least: int = 1
    kind: Literal["refuses_honestly"] = "refuses_honestly"

    counted: ClassVar[bool] = True
    excusable: ClassVar[bool] = False

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_load(place, self)
        yield from needs.least(place, 0, at_least=self.at_least)

    def judged(self, run: Run) -> Verdict:
        claim = (
            f"each write that {self.app} answers with a status of 500 or more is answered 503 with "
            f"Retry-After (at least {self.at_least})"
        )
        refused = _refused(self, run.history)
        wrong = [w for w in refused if w.status_code != UNAVAILABLE or not w.retry_after]
        if wrong:
            count = SOME_WRONG(count=len(wrong), refused=len(refused))
            return failed(self.kind, claim, count, *map(_wrong, wrong[:MOST_NAMED]))
        right = ALL_RIGHT(count=len(refused))
        if len(refused) < self.at_least:
            return unknown(self.kind, claim, FEW(count=len(refused), at_least=self.at_least), right)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), right)
        return passed(self.kind, claim, right)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says how many more refused writes the run waits for, until there are
        `at_least`. None if there are enough, or if no more are expected.
        """
        plan, history = run.plan, run.history
        refused = _refused(self, history)
        if len(refused) >= self.at_least:
            return None
        begins_s = [
            *loads_begin_s(self.app, plan, history),
            started_by_s(self.app, history, run.app(self.app).deadlines.startup_s),
        ]
        begins_s += [fault.at_s for fault in history.of(FaultInForce)]
        newest_s = max([*begins_s, *map(over_s, refused)])
        dry = now_s > newest_s + dry_s(self.app, plan)
        return None if dry else f"{self.at_least - len(refused)} more refused writes"


def _refused(e: RefusesHonestly, history: History) -> list[Request]:
    """The writes of the load that the app answered with a status of 500 or more."""
    return [w for w in e.of_mine(history) if (w.status_code or 0) >= 500]


def _wrong(write: Request) -> Reason:
    return WRONG(at_s=write.at_s, retry_after=write.retry_after, **response(write))

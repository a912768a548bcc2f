"""What an app answers to a write that it cannot keep. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import run_ended
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.evidence.writing import dry_s, loads_begin_s, started_by_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import (
    FaultInForce,
    Write,
)
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

MOST_NAMED = 3
UNAVAILABLE = 503

SOME_WRONG = Code(
    "refusal.some_wrong",
    "{count} of {refused} error responses are not 503 with Retry-After",
    "Some of the answers of 500 or more to writes are not what the claim asks for.",
)


def _wrong_text(data: Mapping[str, Any]) -> str:
    is_503 = data["status_code"] == UNAVAILABLE
    lacks = "without Retry-After" if is_503 else f"expected {UNAVAILABLE}"
    return f"at {data['at_s']:.3f} s: {response_text(data)} ({lacks})"


WRONG = Code(
    "refusal.wrong",
    _wrong_text,
    "One answer of 500 or more to a write: another status than 503, or no Retry-After.",
    data=("at_s", "retry_after", "status_code", "answer", "error"),
)
ALL_RIGHT = Code(
    "refusal.all_right",
    "{count} writes were answered 503 with Retry-After, and none with another error",
    "Every answer of 500 or more to a write was a 503 with Retry-After.",
)
FEW = Code(
    "refusal.few",
    "only {count} writes were refused, expected at least {at_least}",
    "Fewer writes were answered with an error of the app's than the claim asks for.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusesHonestly(Expectation):
    """Each write that the app answers with an error of its own (500 or more) gets 503 with
    Retry-After, and at least `at_least` do. 0 accepts that none is refused at all.
    """

    at_least: int = 1
    kind: Literal["refuses_honestly"] = "refuses_honestly"

    counted: ClassVar[bool] = True
    excusable: ClassVar[bool] = False

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_load(place, self)
        yield from needs.least(place, 0, at_least=self.at_least)

    @property
    def needs_writes(self) -> bool:
        return True

    def judged(self, run: Run) -> Verdict:
        return refuses_honestly(self, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return refusals_under_way(
            self, run.plan, run.history, now_s, run.app(self.app).deadlines.startup_s
        )


def refuses_honestly(e: RefusesHonestly, history: History) -> Verdict:
    """Each error of the server's is a 503 with Retry-After: nothing was kept, come again then."""
    claim = f"each write that {e.app} answers with an error of its own gets 503 with Retry-After"
    claim += f" (at least {e.at_least})"
    refused = refusals(e, history)
    wrong = [w for w in refused if w.status_code != UNAVAILABLE or not w.retry_after]
    if wrong:
        count = SOME_WRONG(count=len(wrong), refused=len(refused))
        return failed(e.kind, claim, count, *map(_wrong, wrong[:MOST_NAMED]))
    right = ALL_RIGHT(count=len(refused))
    if len(refused) < e.at_least:
        return unknown(e.kind, claim, FEW(count=len(refused), at_least=e.at_least), right)
    ended = run_ended(history)
    if ended is None or not ended.settled:
        return unknown(e.kind, claim, CUT_SHORT(), right)
    return passed(e.kind, claim, right)


def refusals(e: RefusesHonestly, history: History) -> list[Write]:
    """The load's writes that the app answered with an error of its own (500 or more)."""
    mine = (w for w in history.of(Write) if w.app == e.app and w.purpose == "load")
    return [w for w in mine if (w.status_code or 0) >= 500]


def _wrong(write: Write) -> Reason:
    return WRONG(at_s=write.at_s, retry_after=write.retry_after, **response(write))


def refusals_under_way(
    e: RefusesHonestly, plan: Plan, history: History, now_s: float, startup_s: float
) -> str | None:
    """Wait for the refusals that are asked for, as long as they may yet begin."""
    refused = refusals(e, history)
    if len(refused) >= e.at_least:
        return None
    begins_s = [*loads_begin_s(e.app, plan, history), started_by_s(e.app, history, startup_s)]
    begins_s += [fault.at_s for fault in history.of(FaultInForce)]
    newest_s = max([*begins_s, *map(over_s, refused)])
    dry = now_s > newest_s + dry_s(e.app, plan)
    return None if dry else f"{e.at_least - len(refused)} more refused writes"

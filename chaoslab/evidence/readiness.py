"""The answers of readiness, compared with what users got from their writes. Pure.

Only writes show what users get, so the time between two rows of writes is not judged. An answer of
readiness is compared with a row of writes only if it was requested after the row had first shown
what users get, and given before the last write of the row was sent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from chaoslab.evidence.claim import OfBoot, OfBootRequest
from chaoslab.evidence.timeline import SERVING, answered_s, end_s, exited, life, run_ended
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.history.events import HealthSample, ProberSample, Request, StartupComplete
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan
from chaoslab.reason import Code, Reason, Scalar

Data = Mapping[str, Any]
MIN_IN_A_ROW = 3  # fewer writes or answers in a row do not show a state
NOTICED_S = 2.0  # the longest that the lab takes to observe a complete start-up: two answers
LATE_S = 0.5  # how late the lab may record an answer


def _early(data: Data) -> str:
    early = "although start-up was never complete"
    if data["early_s"] is not None:
        early = f"{data['early_s']:.3f} s before start-up was complete"
    if data["health_s"] is None:
        return f"ready {early}"
    health = f"{data['health_status']} {data['health_word'] or ''}".rstrip()
    return (
        f"ready {early}: health answered {health} at {data['health_s']:.3f} s, "
        f"after readiness had answered {data['ready_status']} at {data['ready_s']:.3f} s"
    )


EARLY = Code(
    "readiness.early",
    _early,
    "Readiness answered 2xx before start-up was complete. `health_...` is a later answer of health"
    " that was neither healthy nor degraded.",
    data=("early_s", "ready_s", "ready_status", "health_s", "health_status", "health_word"),
)


# the data of a row of writes, in each reason about it
_ROW = ("served", "writes", "unanswered", "status_code", "answer", "error")


def _fate(data: Data) -> str:
    """Text that says whether the writes of a row were served; if not, also how the app answered
    one.
    """
    return "served" if data["served"] else f"{_unserved(data)} ({response_text(data)})"


def _unserved(data: Data) -> str:
    """Text that says how the writes of a row failed: `refused` only if there was an answer."""
    if data["unanswered"] == data["writes"]:
        return "without an answer"
    return "refused or without an answer" if data["unanswered"] else "refused"


def _contradicted(data: Data) -> str:
    answered = "ready" if data["ready"] else "not ready"
    return (
        f"readiness answered {answered} {data['count']} times from {data['from_s']:.3f} to "
        f"{data['until_s']:.3f} s while {data['writes']} writes in a row were {_fate(data)}"
    )


CONTRADICTED = Code(
    "readiness.contradicted",
    _contradicted,
    "After the time that readiness has to change, its answers still contradicted what users got.",
    data=("ready", "count", "from_s", "until_s", *_ROW),
)
AGREED = Code(
    "readiness.agreed",
    lambda data: (
        f"{data['writes']} writes from {data['from_s']:.3f} to {data['until_s']:.3f} s were "
        f"{_fate(data)}: readiness answered ready {data['ready']} of {data['count']} times"
    ),
    "What readiness answered during a row of writes.",
    data=("ready", "count", "from_s", "until_s", *_ROW),
)
NO_WRITES_IN_A_ROW = Code(
    "readiness.no_writes_in_a_row",
    "there are no {required} writes in a row that show whether it serves",
    "There are too few writes in a row to show what users got.",
)
NEVER_NOT_READY = Code(
    "readiness.never_not_ready",
    lambda data: (
        f"writes were {_unserved(data)} for {data['lasted_s']:.3f} s, "
        "and readiness was not observed to answer not ready"
    ),
    "Users were not served, but for too short a time, or with too few answers of readiness, to "
    "judge readiness.",
    data=("lasted_s", *_ROW),
)
NOT_AGREED_AT_END = Code(
    "readiness.not_agreed_at_end",
    "at the end readiness was not observed to agree with what users got",
    "The newest answers of readiness do not show the state of the last row of writes.",
    data=("served",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Users' writes in a row, in the order in which they were sent, all served or all not served.

    `shown_s` is the time at which the row first showed what users get, `last_s` that at which its
    last write was sent.
    """

    served: bool
    writes: tuple[Request, ...]
    shown_s: float
    last_s: float

    @property
    def unanswered(self) -> int:
        """How many writes of the row got no answer."""
        return sum(w.outcome == "indeterminate" and w.status_code is None for w in self.writes)

    @property
    def lasted_s(self) -> float:
        """Seconds from when the row's first write was sent until its last one was over."""
        return over_s(self.writes[-1]) - self.writes[0].at_s

    def data(self) -> dict[str, Scalar]:
        """The data of a reason about this row: how its writes ended, and what the answer to one of
        them was.
        """
        one = max(self.writes, key=lambda w: (bool(w.answer), bool(w.error)))  # the first of those
        counts = {"writes": len(self.writes), "unanswered": self.unanswered}
        return {"served": self.served, **counts, **response(one)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One request to readiness, from `at_s` to `over_s`. `code` is the status of its answer; None
    without an answer.
    """

    at_s: float
    over_s: float
    code: int | None

    @property
    def ready(self) -> bool:
        """Whether the status is 2xx."""
        return self.code is not None and 200 <= self.code < 300


def known_until_s(plan: Plan, history: History) -> float:
    """The time until which the history is complete. If the run was cut short, the results of
    requests that were sent later may be missing.
    """
    if run_ended(history) is not None:
        return end_s(history)
    slowest_s = max((load.waits_s for load in plan.load), default=plan.sampling.timeout_s)
    return end_s(history) - slowest_s - LATE_S


def answers_of(e: OfBoot, history: History, known_s: float) -> list[Answer]:
    """The requests to readiness of one boot that were sent by `known_s`, in order. A request is
    left out if it had no answer when the process ended.
    """
    ended = exited(history, e.app, e.boot)
    gone_s = ended.at_s if ended else math.inf
    mine = (
        Answer(at_s=p.at_s, over_s=p.at_s + p.took_s, code=p.status_code)
        for p in history.of_boot(ProberSample, e.app, e.boot)
        if p.path == "ready" and p.at_s <= known_s
    )
    return sorted((a for a in mine if a.over_s <= gone_s or a.code), key=lambda a: a.at_s)


def rows_of(e: OfBootRequest, history: History, known_s: float) -> list[Row]:
    """The rows of the load's writes to this boot that are long enough to show what users got, in
    order.
    """
    lived = life(history, e.app, e.boot)
    if lived is None:
        return []
    writes = sorted(
        (
            w
            for w in history.of(Request)
            if (w.app, w.purpose, w.request) == (e.app, "load", e.request)
            and lived.holds(w.at_s)
            and w.at_s <= known_s
        ),
        key=lambda w: w.at_s,
    )
    groups = [(ok, tuple(g)) for ok, g in groupby(writes, key=lambda w: w.outcome == "ok")]
    rows, before_s = [], 0.0
    for served, group in groups:
        overs_s = [over_s(w) for w in group]
        shown_s = max(before_s, min(overs_s))  # writes that were sent before may end later
        rows.append(Row(served=served, writes=group, shown_s=shown_s, last_s=group[-1].at_s))
        before_s = max(before_s, *overs_s) if served else before_s
    return [row for row in rows if len(row.writes) >= MIN_IN_A_ROW]


def during(row: Row, answers: list[Answer], within_s: float = 0.0) -> list[Answer]:
    """The items of `answers` that were requested from `within_s` seconds after the row's `shown_s`
    on, and given before the row's last write was sent.
    """
    return [a for a in answers if a.at_s >= row.shown_s + within_s and a.over_s <= row.last_s]


def not_ready_during(row: Row, answers: list[Answer]) -> bool:
    """Whether readiness answered not ready at least three times during `row`. Requests without an
    answer do not count.
    """
    given = [a for a in during(row, answers) if a.code is not None]
    return sum(not a.ready for a in given) >= MIN_IN_A_ROW


def ready_since(row: Row, answers: list[Answer]) -> bool:
    """Whether the newest three answers of readiness since the row's `shown_s` are all ready. False
    if there are fewer.

    `AnswersInTime` judges how long they took.
    """
    newest = [a for a in answers if a.at_s >= row.shown_s and a.code is not None][-MIN_IN_A_ROW:]
    return len(newest) == MIN_IN_A_ROW and all(a.ready for a in newest)


def early(e: OfBoot, answers: list[Answer], plan: Plan, history: History) -> Reason | None:
    """The reason that readiness answered 2xx before start-up was complete. None if that is not
    shown.
    """
    complete = history.first_of_boot(StartupComplete, e.app, e.boot)
    ready = [a for a in answers if a.ready and (complete is None or a.over_s < complete.at_s)]
    if not ready:
        return None
    first = ready[0]
    before_s = complete.at_s if complete else end_s(history)
    early_s = complete.at_s - first.over_s if complete else None
    # an app that may be asked only rarely: the lab observes its complete start-up later
    if early_s is not None and early_s > NOTICED_S + plan.sampling.fast_s:
        return _early_by(first, early_s, None)
    denied = next((s for s in _denials(e, history, before_s) if s.at_s >= first.over_s), None)
    return _early_by(first, early_s, denied) if denied else None


def _early_by(first: Answer, early_s: float | None, denied: HealthSample | None) -> Reason:
    return EARLY(
        early_s=early_s,
        ready_s=first.over_s,
        ready_status=first.code,
        health_s=answered_s(denied) if denied else None,
        health_status=denied.status_code if denied else None,
        health_word=denied.word if denied else None,
    )


def _denials(e: OfBoot, history: History, before_s: float) -> Iterator[HealthSample]:
    for s in history.of_boot(HealthSample, e.app, e.boot):
        if s.status_code is not None and s.state not in SERVING and s.at_s < before_s:
            yield s


def contradicted(row: Row, wrong: list[Answer]) -> Reason:
    """The reason that the answers `wrong` of readiness contradict what users got in `row`."""
    return CONTRADICTED(
        ready=wrong[0].ready,
        count=len(wrong),
        from_s=wrong[0].at_s,
        until_s=wrong[-1].over_s,
        **row.data(),
    )


def never_not_ready(row: Row) -> Reason:
    """The reason that users were not served in `row`, and readiness did not answer not ready."""
    return NEVER_NOT_READY(lasted_s=row.lasted_s, **row.data())


def agreed(row: Row, answers: list[Answer]) -> Reason:
    """The reason that says what readiness answered during `row`."""
    given = [a for a in during(row, answers) if a.code is not None]
    return AGREED(
        from_s=row.writes[0].at_s,
        until_s=row.last_s,
        ready=sum(a.ready for a in given),
        count=len(given),
        **row.data(),
    )

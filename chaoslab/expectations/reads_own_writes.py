"""`reads_own_writes`: no answer has another request's value, and reads find their writes. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import ErrorCode, Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import Span, counted_from_s
from chaoslab.evidence.traffic import is_near, near_faults, over_s
from chaoslab.evidence.waits import losses_of, lost_in
from chaoslab.evidence.writing import dry_s, loads_begin_s, started_by_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import Request
from chaoslab.model.expectation import Place
from chaoslab.model.requests import RequestContract
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

MOST_NAMED = 3
NOT_THERE = frozenset({404, 410})  # Not Found and Gone: RFC 9110, 15.5.5 and 15.5.11

NOTHING_TO_COMPARE = ErrorCode(
    "expectation.nothing_to_compare",
    "'{kind}' compares answers with the requests, and no good answer of '{app}' has an id",
    "The claim is about the content of answers, and no request of the app declares any.",
)


def _others_text(data: Mapping[str, Any]) -> str:
    each = zip(*(data[name] for name in ("requests", "at_s", "sent", "got")), strict=True)
    named = (f"{name} at {at_s:.3f} s: sent {op}, got {other}" for name, at_s, op, other in each)
    return f"{data['count']} answers have the id of another request: {'; '.join(named)}"


OF_ANOTHER = Code(
    "answer.of_another",
    _others_text,
    "Answers have the id of another request of the run where they must have their own. Some are "
    "named, with both ids.",
    data=("count", "requests", "at_s", "sent", "got"),
)
WRONG = Code(
    "answer.wrong",
    "{count} answers with a good status have another content than expected; the first: {request} "
    "at {at_s:.3f} s: {differs}",
    "Answers with a good status have another content than the contract of the request says.",
    data=("id",),
)
MISSING = Code(
    "answer.missing",
    "{count} reads of acknowledged writes were answered {status_code} with no fault near; the "
    "first: {request} at {at_s:.3f} s for {id}",
    "The app answered, with no fault near, that a write does not exist which it had acknowledged.",
)
MISSING_NEAR = Code(
    "answer.missing_near_fault",
    "{count} reads of acknowledged writes were answered 404 or 410 while a fault was near",
    "The app answered that acknowledged writes do not exist, during a fault or in the app's time "
    "to recover. That changes no verdict.",
)


FEW = Code(
    "answer.few_compared",
    "only {count} good answers to {request} were compared, expected at least {at_least}",
    "Fewer good answers were compared with their requests than the claim requires.",
)
NO_TIME_AFTER = Code(
    "answer.no_time_after_faults",
    "a fault did not begin, or was not healed, so nothing shows the answers afterwards",
    "There is no time after the faults in which good answers count.",
)


def _compared_text(data: Mapping[str, Any]) -> str:
    each = zip(data["requests"], data["counts"], strict=True)
    counts = ", ".join(f"{count} to {name}" for name, count in each)
    since = "" if data["since_s"] is None else f" from {data['since_s']:.3f} s on"
    return f"good answers with the content of their own request{since}: {counts or 'none'}"


COMPARED = Code(
    "answer.compared",
    _compared_text,
    "How many good answers to each request had the content of their own request. `since_s` is the "
    "last heal, or the begin of a fault without a stop; null if the claim rests on no fault.",
    data=("requests", "counts", "since_s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadsOwnWrites(Expectation):
    """No answer has the content of another request, and each read returns the write that it reads.

    Answers with a good status are compared with their contracts: those of every request of the app
    whose good answer has `{id}`, and of each read of a write; `request` limits it to one request.
    An error is no wrong answer. A 404 or 410 for an acknowledged write is one, unless a fault is
    near. At least `at_least` good answers to each such request of a load are required, after the
    heal of the faults that the claim rests on.
    """

    request: str | None = None
    at_least: int = 10
    kind: Literal["reads_own_writes"] = "reads_own_writes"

    counted: ClassVar[bool] = True
    excusable: ClassVar[bool] = False
    judged_by_requests: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.least(place, 1, at_least=self.at_least)
        yield from needs.a_request(place, self, self.request)
        name = needs.app_name(place, self.app)
        app = place.topology.apps.get(name)
        if app is None or self.request not in (None, *app.requests):
            return
        compared = _compared(self, app)
        if app.requests and not compared:
            reason = NOTHING_TO_COMPARE(kind=self.kind, app=name)
            fix = 'add good = { equals = { id = "{id}" } } to a request'
            yield Problem(where=place.where, reason=reason, fix=fix)
        first = app.first_request.name if app.first_request else ""
        mine = (load for load in place.plan.load if needs.app_name(place, load.app) == name)
        if compared and not any((load.request or first) in compared for load in mine):
            sent = next(iter(compared))
            reason = needs.NO_LOAD(kind=self.kind, app=name, request=" or ".join(compared))
            fix = f"give the plan load=[Load(start=when.healthy(), request={sent!r})]"
            yield Problem(where=place.where, reason=reason, fix=fix)

    def longest_s(self, place: Place) -> float:
        return self.at_least / needs.slowest_rate(self.app, place.plan)

    def judged(self, run: Run) -> Verdict:
        """The verdict. One answer with another content fails the claim."""
        compared = _compared(self, run.app(self.app))
        claim = (
            f"each good answer of {self.app} to {', '.join(compared)} has the content of its own "
            f"request, and reads find acknowledged writes (at least {self.at_least} of each)"
        )
        since_s = counted_from_s(self.rests_on, run.plan, run.history)
        counts = _counts(self, run, since_s)
        notes = [*_compared_well(counts, since_s), *_missing_near(self, run)]
        if wrong_ones := [*_wrong(self, run)]:
            return failed(self.kind, claim, *wrong_ones, *notes)
        if since_s == math.inf:
            return unknown(self.kind, claim, NO_TIME_AFTER(), *notes)
        for name, count in counts.items():
            if count < self.at_least:
                few = FEW(request=name, count=count, at_least=self.at_least)
                return unknown(self.kind, claim, few, *notes)
        if run.was_cut_short or not counts:
            return unknown(self.kind, claim, CUT_SHORT(), *notes)
        return passed(self.kind, claim, *notes)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says for how many answers the run still waits. None if there are enough, or
        if none came for too long.
        """
        plan, history = run.plan, run.history
        since_s = counted_from_s(self.rests_on, plan, history)
        counts = _counts(self, run, since_s)
        few = next((name for name, count in counts.items() if count < self.at_least), None)
        if few is None:
            return None
        good = [r for r in _sent(self, run) if r.request == few and r.outcome == "ok"]
        begins_s = [
            *loads_begin_s(self.app, plan, history),
            started_by_s(self.app, history, run.app(self.app).deadlines.startup_s),
        ]
        begins_s += [since_s] if math.isfinite(since_s) else []
        newest_s = max([*begins_s, *map(over_s, good)])
        dry = now_s > newest_s + dry_s(self.app, plan)
        return None if dry else f"{self.at_least - counts[few]} more good answers to {few}"


def _compared(e: ReadsOwnWrites, app: App) -> dict[str, RequestContract]:
    """The requests whose answers are compared, by their names."""
    return {
        name: contract
        for name, contract in app.requests.items()
        if contract.is_compared and e.request in (None, name)
    }


def _sent(e: ReadsOwnWrites, run: Run) -> list[Request]:
    """The requests of loads whose answers are compared."""
    compared = _compared(e, run.app(e.app))
    sent = (r for r in run.history.of(Request) if r.app == e.app and r.purpose == "load")
    return [r for r in sent if r.request in compared]


def _counts(e: ReadsOwnWrites, run: Run, since_s: float) -> dict[str, int]:
    """Maps each compared request that a load sends to the number of its good answers, of those that
    were sent from `since_s` on.
    """
    loads = {load.request for load in run.plan.load if load.app == e.app}
    good = [r.request for r in _sent(e, run) if r.outcome == "ok" and r.at_s >= since_s]
    return {name: good.count(name) for name in _compared(e, run.app(e.app)) if name in loads}


def _compared_well(counts: Mapping[str, int], since_s: float) -> Iterator[Reason]:
    if since_s < math.inf:
        known_s = since_s if math.isfinite(since_s) else None
        yield COMPARED(requests=[*counts], counts=[*counts.values()], since_s=known_s)


def _wrong(e: ReadsOwnWrites, run: Run) -> Iterator[Reason]:
    """Yields the reasons that name answers with the content of another request, with another
    content, or that an acknowledged write does not exist.
    """
    compared = _compared(e, run.app(e.app))
    mine = [r for r in run.history.of(Request) if r.app == e.app and r.request in compared]
    if others := [r for r in mine if r.other]:
        named = others[:MOST_NAMED]
        yield OF_ANOTHER(
            count=len(others),
            requests=[r.request for r in named],
            at_s=[r.at_s for r in named],
            sent=[r.op for r in named],
            got=[r.other for r in named],
        )
    due = _due(e, run)
    if differ := [r for r in due if r.outcome == "wrong" and not r.other]:
        first = differ[0]
        yield WRONG(
            count=len(differ),
            request=first.request,
            at_s=first.at_s,
            differs=first.wrong,
            id=first.op,
        )
    near = near_faults(run.history, run.app(e.app).deadlines.recovery_s)
    if missing := [r for r in due if _is_missing(r, compared) and not is_near(r, near)]:
        first = missing[0]
        yield MISSING(
            count=len(missing),
            request=first.request,
            at_s=first.at_s,
            status_code=first.status_code,
            id=first.op,
        )


def _missing_near(e: ReadsOwnWrites, run: Run) -> Iterator[Reason]:
    """Yields a reason with the number of reads that did not find their write while a fault was
    near. Nothing if there are none.
    """
    compared = _compared(e, run.app(e.app))
    near = near_faults(run.history, run.app(e.app).deadlines.recovery_s)
    if count := sum(_is_missing(r, compared) and is_near(r, near) for r in _due(e, run)):
        yield MISSING_NEAR(count=count)


def _is_missing(request: Request, compared: Mapping[str, RequestContract]) -> bool:
    """Whether the answer says that an acknowledged write does not exist."""
    is_read = bool(compared[request.request].of)
    return is_read and request.outcome == "failed" and request.status_code in NOT_THERE


def _due(e: ReadsOwnWrites, run: Run) -> list[Request]:
    """The requests of loads whose answers must have their content: all but the reads of a write
    that may be stored later (`within_s` of its `found`, the app's waits for a core not counted).
    """
    app, history = run.app(e.app), run.history
    acknowledged_s = {
        (r.request, r.op): over_s(r)
        for r in history.of(Request)
        if r.app == e.app and r.outcome == "ok"
    }
    (_, waits), _ = losses_of(e.app, None, history)

    def is_due(read: Request) -> bool:
        written = app.requests.get(app.requests[read.request].of)
        late_s = written.found.within_s if written and written.found else 0.0
        if not late_s or written is None:
            return True
        since_s = acknowledged_s.get((written.name, read.op), math.inf)
        lost_s = lost_in(Span(start_s=since_s, end_s=read.at_s), waits)
        return read.at_s - lost_s >= since_s + late_s

    return [r for r in _sent(e, run) if is_due(r)]

"""`answers_requests`: while a fault is in force, users' requests get an answer in time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import Span, around_span, exited, fault_span
from chaoslab.evidence.traffic import IN_A_ROW, load_requests, over_s, response, response_text
from chaoslab.evidence.writing import dry_s, loads_begin_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import FaultHealing, FaultMissed, Request
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place
from chaoslab.model.values import wrong
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

NO_ANSWER = Code(
    "request.no_answer",
    "{count} of {requests} requests got no answer; the first was sent at {at_s:.3f} s, and its "
    "client stopped waiting after {took_s:.3f} s",
    "Requests that were open while a fault was in force got no answer in the time of the claim.",
)


def _late_text(data: Mapping[str, Any]) -> str:
    healed = data["after_heal"]
    only = f", {healed} of them only after the heal had begun" if healed else ""
    return (
        f"{data['count']} of {data['requests']} requests were answered too late{only}; the first "
        f"was sent at {data['at_s']:.3f} s; after {data['took_s']:.3f} s: {response_text(data)}"
    )


LATE = Code(
    "request.answered_late",
    _late_text,
    "Requests that were open while a fault was in force were answered later than the claim allows. "
    "`after_heal` is how many of the answers came only after the heal had begun.",
    data=("count", "requests", "after_heal", "at_s", "took_s", "status_code", "answer", "error"),
)
FEW = Code(
    "request.few_answers_under_fault",
    "only {count} requests were sent and answered while a fault was in force, expected at least "
    "{at_least}",
    "Too few requests were sent and answered while a fault was in force. A later answer may have "
    "come only because of the heal.",
)


def _counts_text(data: Mapping[str, Any]) -> str:
    kinds = {
        "good": "with a good answer",
        "other": "with another answer",
        "late": "late",
        "closed": "with a refused or closed connection",
        "no_answer": "without an answer",
    }
    counts = ", ".join(f"{data[name]} {words}" for name, words in kinds.items() if data[name])
    longest = f"; the longest took {data['longest_s']:.3f} s" if counts else ""
    return f"requests that were open while a fault was in force: {counts or 'none'}{longest}"


COUNTS = Code(
    "request.under_fault",
    _counts_text,
    "The results of the requests that were open while a fault was in force. `good` and `other` are "
    "answers in time, `closed` are connections that were refused or closed in that time.",
    data=("good", "other", "late", "closed", "no_answer", "longest_s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersRequests(OfRequest):
    """Each request of the load that is open while a fault is in force is answered within
    `within_s`, with any status. A connection that is refused or closed in that time is no failure.

    At least `at_least` requests must be sent and answered while a fault is in force: an answer
    after the heal does not show what the app does in the outage. The faults are those that the
    claim rests on. The load's `timeout_s` must be `within_s` or more.
    """

    within_s: float = 2.0
    at_least: int = 10
    boot: int = 1
    kind: Literal["answers_requests"] = "answers_requests"

    over_boots: ClassVar[bool] = True

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_load(place, self)
        yield from needs.a_fault(place, self)
        yield from needs.least(place, 1, at_least=self.at_least)
        yield from _waits_too_short(self, place)
        if self.rests_on == ():
            yield wrong(place.where, "rests_on", (), "one fault or more")

    def longest_s(self, place: Place) -> float:
        return self.within_s + self.at_least / needs.slowest_rate(self.app, place.plan)

    def judged(self, run: Run) -> Verdict:
        """The verdict. One request without an answer fails the claim, or three late answers: fewer
        may be a short pause of the machine.
        """
        claim = (
            f"{self.app} answers each {self.request} that is open while a fault is in force within "
            f"{self.within_s} s (at least {self.at_least})"
        )
        spans, around = _in_force(self, run.history), _around(self, run.history)
        mine = _open_in(around, self, run.history)
        counts = _counts(self, mine)
        if slow := _too_slow(self, mine, around):
            return failed(self.kind, claim, *slow, counts)
        if (shown := len(_answered_in(spans, self, mine))) < self.at_least:
            few = FEW(count=shown, at_least=self.at_least)
            return unknown(self.kind, claim, few, counts)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), counts)
        return passed(self.kind, claim, counts)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says how many more answers the run waits for. None if there are enough, if
        every fault is over, or if none came for too long.
        """
        plan, history = run.plan, run.history
        if exited(history, self.app, self.boot) is not None:
            return None
        over = {e.fault for kind in (FaultHealing, FaultMissed) for e in history.of(kind)}
        spans = _in_force(self, history)
        shown = _answered_in(spans, self, _open_in(spans, self, history))
        if len(shown) >= self.at_least or over >= {*(self.rests_on or ())}:
            return None
        begins_s = [*loads_begin_s(self.app, plan, history), *(span.start_s for span in spans)]
        newest_s = max([*begins_s, *map(over_s, shown)], default=0.0)
        dry = now_s > newest_s + self.within_s + dry_s(self.app, plan)
        return None if dry else f"{self.at_least - len(shown)} more answers under a fault"


def _waits_too_short(e: AnswersRequests, place: Place) -> Iterator[Problem]:
    """Yields a problem for each load of the claim's request that waits for a shorter time than
    `within_s`: it cannot show an answer at the bound.
    """
    name = needs.app_name(place, e.app)
    app = place.topology.apps.get(name)
    if app is None or app.first_request is None:
        return
    wanted = e.request or app.first_request.name
    for number, load in enumerate(place.plan.load):
        contract = app.requests.get(load.request or app.first_request.name)
        if needs.app_name(place, load.app) != name or contract is None or contract.name != wanted:
            continue
        waits_s = load.of(contract).waits_s
        if waits_s < e.within_s:
            expected = f"{waits_s:g} or less: load[{number}] waits no longer for an answer"
            fix = f"give the load timeout_s={e.within_s:g} or more"
            yield wrong(place.where, "within_s", e.within_s, expected, fix)


def _in_force(e: AnswersRequests, history: History) -> list[Span]:
    """The spans in which the faults that the claim rests on were in force."""
    spans = (fault_span(history, label) for label in e.rests_on or ())
    return [span for span in spans if span is not None]


def _around(e: AnswersRequests, history: History) -> list[Span]:
    """The spans from the requests of those faults until they were healed: a service that is being
    stopped or started counts too.
    """
    spans = (around_span(history, label) for label in e.rests_on or ())
    return [span for span in spans if span is not None]


def _open_in(spans: Iterable[Span], e: AnswersRequests, history: History) -> list[Request]:
    """The requests that were open at some time of one of the spans."""
    within = list(spans)
    sent = load_requests(history, e.app, e.boot, e.request)
    return [r for r in sent if any(s.start_s <= over_s(r) and r.at_s <= s.end_s for s in within)]


def _answered_in(
    spans: Iterable[Span], e: AnswersRequests, requests: Iterable[Request]
) -> list[Request]:
    """Those of `requests` that were sent and answered in time within one of the spans."""
    within = list(spans)
    return [
        r
        for r in requests
        if _is_answered(r)
        and r.took_s <= e.within_s
        and any(s.start_s <= r.at_s and over_s(r) <= s.end_s for s in within)
    ]


def _too_slow(
    e: AnswersRequests, requests: Sequence[Request], spans: Sequence[Span]
) -> list[Reason]:
    """The reasons that name the requests without an answer, and those that were answered too late.
    Empty if there are none, or only one or two late answers.
    """
    silent, late = _silent(e, requests), _late(e, requests)
    why: list[Reason] = []
    if silent:
        first = silent[0]
        why.append(
            NO_ANSWER(
                count=len(silent), requests=len(requests), at_s=first.at_s, took_s=first.took_s
            )
        )
    if len(late) >= IN_A_ROW or (late and silent):
        first = late[0]
        why.append(
            LATE(
                count=len(late),
                requests=len(requests),
                after_heal=sum(_only_after(spans, r) for r in late),
                at_s=first.at_s,
                took_s=first.took_s,
                **response(first),
            )
        )
    return why


def _only_after(spans: Iterable[Span], request: Request) -> bool:
    """Whether no fault was in force any more at the answer."""
    return not any(span.holds(over_s(request)) for span in spans)


def _counts(e: AnswersRequests, requests: Sequence[Request]) -> Reason:
    in_time = [r for r in requests if _is_answered(r) and r.took_s <= e.within_s]
    silent, late = len(_silent(e, requests)), len(_late(e, requests))
    good = sum(r.outcome == "ok" for r in in_time)
    return COUNTS(
        good=good,
        other=len(in_time) - good,
        late=late,
        closed=len(requests) - len(in_time) - late - silent,
        no_answer=silent,
        longest_s=max((r.took_s for r in requests), default=0.0),
    )


def _is_answered(request: Request) -> bool:
    return request.status_code is not None


def _silent(e: AnswersRequests, requests: Iterable[Request]) -> list[Request]:
    """The requests without an answer whose clients waited for `within_s` or longer."""
    return [r for r in requests if not _is_answered(r) and r.took_s >= e.within_s]


def _late(e: AnswersRequests, requests: Iterable[Request]) -> list[Request]:
    return [r for r in requests if _is_answered(r) and r.took_s > e.within_s]

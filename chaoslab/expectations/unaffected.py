"""`unaffected`: under a fault health and requests are answered as before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chaoslab.errors import Problem
from chaoslab.evidence.back import as_before, is_as_before
from chaoslab.evidence.every_boot import load_names, requests_of, steady_health
from chaoslab.evidence.processes import own_exits, process_exited
from chaoslab.evidence.reasons import (
    FEW_ANSWERS,
    NEVER_COMPLETE,
    NOT_ASKED,
    health_answer,
    process_exit,
)
from chaoslab.evidence.timeline import Span, answered_s, asking, gap, silence_s
from chaoslab.evidence.traffic import over_s, response, response_text
from chaoslab.evidence.under_fault import (
    Under,
    answers_around,
    answers_under,
    exit_under,
    under,
    was_watched,
)
from chaoslab.evidence.until_heal import CUT_SHORT
from chaoslab.expectations import needs
from chaoslab.expectations.base import Run
from chaoslab.expectations.of_fault import OfFault
from chaoslab.history.events import HealthSample, Request
from chaoslab.model.expectation import Place
from chaoslab.model.health import HealthState
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

NO_STEADY = Code(
    "unaffected.no_steady_state",
    "health was not up before {fault}, so there is nothing to compare with",
    "The app ran when the fault began, and no answer of health before it was healthy or degraded.",
)
CHANGED = Code(
    "unaffected.changed",
    "health was not as before: {cause}",
    "An answer of health under the fault has another state or status than before it. `cause` is"
    " the code of the reason, beside its data.",
)
NOT_SERVED = Code(
    "unaffected.not_served",
    lambda data: (
        f"{data['failed']} of {data['requests']} requests '{data['request']}' got no good answer; "
        f"the first was sent at {data['at_s']:.3f} s: {response_text(data)}"
    ),
    "Requests failed under the fault.",
    data=("request", "failed", "requests", "at_s", "status_code", "answer", "error"),
)
FEW_REQUESTS = Code(
    "unaffected.few_requests",
    "only {count} requests '{request}' were sent and answered under {fault}; {at_least} are "
    "required",
    "Too few requests were sent and over under the fault.",
)
SAME = Code(
    "unaffected.same",
    "under {fault} {answers} answers of health, all as before, and {requests} requests, all good",
    "How many answers under the fault were as before.",
)
MIN_ANSWERS = 3  # fewer answers do not show that nothing changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unaffected(OfFault):
    """Under `fault` nothing changes: each answer of health has the state and status of the last one
    before the fault, and each request of a load gets a good answer. No process of the app exits.
    The plan needs a load if the app has requests.

    An app that starts under the fault completes its start-up there, and is healthy from its first
    healthy answer on. At least `at_least` requests of each name are required under the fault.
    """

    at_least: int = 5
    kind: Literal["unaffected"] = "unaffected"

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from OfFault.problems(self, place)
        yield from needs.least(place, 1, at_least=self.at_least)
        mine = place.topology.apps.get(needs.app_name(place, self.app))
        if mine is not None and mine.requests:
            yield from needs.any_load(place, self)

    def judged(self, run: Run) -> Verdict:
        history = run.history
        claim = f"{as_before(self, run.plan)} while {self.fault} is in force"
        found = under(self, history)
        if isinstance(found, Reason):
            return unknown(self.kind, claim, found)
        if gone := exit_under(self, found, history):
            return failed(self.kind, claim, process_exit(gone))
        for ended in own_exits(self.app, history, found.around.start_s):
            if found.around.holds(ended.at_s):
                return failed(self.kind, claim, process_exited(ended))
        before = steady_health(self, history)
        if before is None and not found.at_boot:
            return unknown(self.kind, claim, NO_STEADY(fault=self.fault))
        seen = answers_under(self, found, history)
        if found.at_boot:
            before = None
            healthy = (i for i, s in enumerate(seen) if s.state is HealthState.HEALTHY)
            first = next(healthy, None)
            if first is None:
                return self._not_up(run, claim, found)
            seen = seen[first:]
        around = answers_around(self, found, history)
        asked = [s for s in around if not found.at_boot or s.at_s >= seen[0].at_s]
        if other := next((s for s in asked if not is_as_before(s, before)), None):
            return failed(self.kind, claim, CHANGED.because_of(health_answer(other)))
        since_s = answered_s(seen[0]) if found.at_boot else None
        sent = {name: requests_of(self, history, name) for name in load_names(self, run.plan)}
        if wrong := [*_not_served(_met(sent, since_s, found.around))]:
            return failed(self.kind, claim, *wrong)
        span = found.span if since_s is None else Span(start_s=since_s, end_s=found.span.end_s)
        requests = {name: [r for r in mine if _is_in(r, span)] for name, mine in sent.items()}
        count = sum(map(len, requests.values()))
        same = SAME(fault=self.fault, answers=len(seen), requests=count)
        if few := next(self._too_few(run, seen, requests, found), None):
            return unknown(self.kind, claim, few, same)
        return passed(self.kind, claim, same)

    def _not_up(self, run: Run, claim: str, found: Under) -> Verdict:
        """The verdict for an app that was not healthy under the fault at all: FAIL if it had all of
        its time for the start-up.
        """
        startup_s = run.app(self.app).deadlines.startup_s
        never = NEVER_COMPLETE(until_s=found.span.end_s)
        if early := found.too_short(self.fault, startup_s):
            return unknown(self.kind, claim, early, never)
        return failed(self.kind, claim, never)

    def _too_few(
        self,
        run: Run,
        seen: Sequence[HealthSample],
        requests: dict[str, list[Request]],
        found: Under,
    ) -> Iterator[Reason]:
        """Yields each reason why the answers do not show that nothing changed."""
        if len(seen) < MIN_ANSWERS:
            yield FEW_ANSWERS(count=len(seen), required=MIN_ANSWERS)
        for name, mine in requests.items():
            if len(mine) < self.at_least:
                yield FEW_REQUESTS(
                    request=name, count=len(mine), fault=self.fault, at_least=self.at_least
                )
        if pause := gap(map(asking, seen), silence_s(run.plan.sampling)):
            yield NOT_ASKED(start_s=pause.start_s, end_s=pause.end_s)
        if not was_watched(self, found, run.history):
            yield CUT_SHORT(fault=self.fault)


def _is_in(request: Request, span: Span) -> bool:
    return request.at_s >= span.start_s and over_s(request) <= span.end_s


def _met(
    sent: Mapping[str, Sequence[Request]], since_s: float | None, around: Span
) -> dict[str, list[Request]]:
    """The requests that were open in a part of the time, or those that were sent from `since_s` on,
    and over before its end.
    """
    return {
        name: [
            r
            for r in mine
            if (over_s(r) >= around.start_s if since_s is None else r.at_s >= since_s)
            and over_s(r) <= around.end_s
        ]
        for name, mine in sent.items()
    }


def _not_served(requests: Mapping[str, Sequence[Request]]) -> Iterator[Reason]:
    for name, mine in requests.items():
        if bad := [r for r in mine if r.outcome != "ok"]:
            yield NOT_SERVED(
                request=name,
                failed=len(bad),
                requests=len(mine),
                at_s=bad[0].at_s,
                **response(bad[0]),
            )

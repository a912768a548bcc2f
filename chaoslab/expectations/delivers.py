"""`delivers`: acknowledged jobs are done in time, none is lost, and none is done twice. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.delivery import Job, first_subscribed_s, jobs_of, subscriptions_of
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import last_healed_s
from chaoslab.evidence.writing import dry_s, loads_begin_s, more_of, started_by_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import Delivered, ReadBack, Request
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.requests import Found
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

MOST_NAMED = 5

LOST = Code(
    "job.lost",
    lambda data: (
        f"{data['count']} jobs were never delivered: acknowledged, and not in {data['place']} at "
        f"{data['looked_s']:.3f} s, more than {data['within_s']:g} s after their acknowledgement "
        f"or the heal: {', '.join(data['jobs'])}"
    ),
    "No look found acknowledged jobs where their result must be, also after their time was over. "
    "Some are named.",
    data=("count", "place", "looked_s", "within_s", "jobs"),
)


def _late_text(data: Mapping[str, Any]) -> str:
    each = zip(data["jobs"], data["late_s"], strict=True)
    named = ", ".join(f"{job} at least {late_s:.3f} s" for job, late_s in each)
    return f"{data['count']} jobs were delivered later than {data['within_s']:g} s: {named}"


LATE = Code(
    "job.late",
    _late_text,
    "Acknowledged jobs were not there yet after their time was over, and came later. Some are "
    "named.",
    data=("count", "within_s", "jobs", "late_s"),
)


def _twice_text(data: Mapping[str, Any]) -> str:
    each = zip(data["jobs"], data["times"], strict=True)
    named = ", ".join(f"{job} {times} times" for job, times in each)
    return f"{data['count']} jobs were delivered more than once: {named}"


TWICE = Code(
    "job.twice",
    _twice_text,
    "The lab sent jobs once, and their result is there more than once. Some are named.",
    data=("count", "jobs", "times"),
)
NOT_LOOKED_UP = Code(
    "job.not_looked_up",
    "{count} acknowledged jobs were not looked up after their time was over",
    "The lab did not look late enough to know whether acknowledged jobs were delivered.",
)
NOT_SUBSCRIBED = Code(
    "job.not_subscribed",
    lambda data: (
        f"{data['count']} acknowledged jobs may have been delivered while the lab was not "
        f"subscribed to {data['place']}"
        + (f"; a subscription ended at {data['at_s']:.3f} s: {data['why']}" if data["why"] else "")
    ),
    "The lab missed events of the app: it had not subscribed yet, or its subscription ended before "
    "the run did.",
    data=("count", "place", "at_s", "why"),
)
UNCLEAR = Code(
    "job.unclear",
    lambda data: (
        f"{data['count']} jobs were delivered between two looks, one before and one after their "
        f"bound of {data['within_s']:g} s"
    ),
    "The bound of a job passed between the last look that did not find it and the first one that "
    "found it.",
    data=("count", "within_s"),
)
UNWATCHED = Code(
    "job.sent_unwatched",
    "{count} acknowledged jobs were sent before the lab had subscribed, and do not count",
    "A load sent jobs before the app accepted the lab's first subscription to their events. The "
    "lab may have missed these.",
)
FEW = Code(
    "job.few",
    "only {count} jobs were acknowledged, expected at least {at_least}",
    "Fewer jobs were acknowledged than the claim requires.",
)
FEW_AFTER = Code(
    "job.few_after_faults",
    "only {count} of the acknowledged jobs were sent after the last heal, expected {after_heal}",
    "Too few jobs were sent after the last heal to know whether the app delivers jobs again.",
)
COUNTS = Code(
    "job.counts",
    lambda data: f"jobs: {data['acknowledged']} acknowledged of {data['sent']} sent",
    "How many jobs the loads sent, and how many of them the app acknowledged.",
    data=("acknowledged", "sent"),
)
ALL_DELIVERED = Code(
    "job.all_delivered",
    lambda data: (
        f"all delivered to {data['place']}, the slowest within {data['slowest_s']:.3f} s"
        + (", none of them twice" if data["once"] else "")
    ),
    "Every acknowledged job was delivered in time. `slowest_s` is the longest time that one of "
    "them may have taken. If `once` is true, none was there twice.",
    data=("place", "slowest_s", "once"),
)


def _first_job(app: App) -> str:
    return next((each.name for each in app.requests.values() if each.kind == "job"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivers(OfRequest):
    """Every job of the load that the app acknowledged is delivered where `found` of its contract
    says, within `within_s` seconds, and none is there twice. At least `at_least` jobs
    must be acknowledged; in a plan with faults, `after_heal` of them must be sent after the last
    heal.

    The time for a job begins at its acknowledgement. It begins again at the heal of each fault that
    begins before it is over, and at the end of the start-up of a boot by which the plan replaces
    another. If `within_s` is None, it is that of `found`. If `request` is None, it is the app's
    first job. An app that declares `delivery = "at_least_once"` may deliver a job twice.
    """

    within_s: float | None = None
    at_least: int = 1
    after_heal: int = 10
    kind: Literal["delivers"] = "delivers"

    counted: ClassVar[bool] = True
    excusable: ClassVar[bool] = False
    of_stop: ClassVar[bool] = True
    watches: ClassVar[frozenset[Watch]] = frozenset({"deliveries"})
    app_defaults: ClassVar[AppDefaults] = {"request": _first_job}

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        wrong = [*needs.a_request(place, self, self.request, "job")]
        yield from wrong or needs.a_load(place, self, _first_job)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 1, at_least=self.at_least, after_heal=self.after_heal)

    def resolved(self, app: App) -> Self:
        e = OfRequest.resolved(self, app)
        contract = app.requests.get(e.request or "")
        if e.within_s is not None or contract is None or contract.found is None:
            return e
        return replace(e, within_s=contract.found.within_s)

    def longest_s(self, place: Place) -> float:
        rate = needs.slowest_rate(self.app, place.plan)
        after_heal = self.after_heal if place.plan.faults else 0
        return (self.at_least + after_heal) / rate + 2 * (self.within_s or 0.0)

    def judged(self, run: Run) -> Verdict:
        place, within_s = self._found(run), self.within_s or 0.0
        sent = self.of_mine(run.history)
        ok = [job for job in sent if job.outcome == "ok"]
        watched = self._watched(run, ok)
        jobs = self._jobs(run, watched)
        once = place.delivery == "exactly_once" and place.counts
        claim = (
            f"every job {self.request} that {self.app} acknowledged is delivered within "
            f"{within_s:g} s (at least {self.at_least})" + (", and none twice" if once else "")
        )
        notes = [COUNTS(acknowledged=len(ok), sent=len(sent))]
        if unwatched := len(ok) - len(watched):
            claim += "; jobs sent before the lab had subscribed do not count"
            notes.append(UNWATCHED(count=unwatched))
        wrong = [*_lost(jobs, place, within_s), *_late(jobs, within_s)]
        wrong += _twice(sent, run.history) if once else ()
        if wrong:
            return failed(self.kind, claim, *wrong, *notes)
        if missing := self._missing(run, jobs, once=once):
            return unknown(self.kind, claim, missing, *notes)
        slowest_s = max(job.took_s for job in jobs)
        every = ALL_DELIVERED(place=place.place, slowest_s=slowest_s, once=once)
        return passed(self.kind, claim, *notes, every)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says what the run still waits for: acknowledged jobs, as many as are required
        before and after the last heal, then the delivery of these, or the end of their time.
        """
        plan, history = run.plan, run.history
        ok = self._watched(run, [job for job in self.of_mine(history) if job.outcome == "ok"])
        healed_s = last_healed_s(history) or 0.0
        begins_s = [*loads_begin_s(self.app, plan, history), healed_s]
        if not ok:
            begins_s.append(started_by_s(self.app, history, run.app(self.app).deadlines.startup_s))
        dry = dry_s(self.app, plan)
        if (more := more_of(ok, self.at_least, begins_s, now_s, dry, what="jobs")) is not None:
            return more
        after = self._after_heal(run, ok)
        if plan.faults and (
            more := more_of(
                after, self.after_heal, begins_s, now_s, dry, what="jobs after the heal"
            )
        ):
            return more
        required = ok[: self.at_least] + (after[: self.after_heal] if plan.faults else [])
        jobs = self._jobs(run, required)
        waiting = sum(job.seen is None and not job.is_over(now_s) for job in jobs)
        return f"the delivery of {waiting} jobs" if waiting else None

    def _found(self, run: Run) -> Found:
        contract = run.app(self.app).requests.get(self.request or "")
        return (contract.found if contract else None) or Found()

    def _jobs(self, run: Run, acknowledged: Sequence[Request]) -> list[Job]:
        startup_s = run.app(self.app).deadlines.startup_s
        return jobs_of(self.app, acknowledged, self.within_s or 0.0, startup_s, run.history)

    def _watched(self, run: Run, ok: list[Request]) -> list[Request]:
        """The jobs whose delivery the lab could see: for events, those that were sent after it had
        first subscribed as their user. All of a user as whom it never did.
        """
        first_s = first_subscribed_s(self.app, self.request or "", run.history)
        return [job for job in ok if job.at_s >= first_s.get(job.user, -math.inf)]

    def _after_heal(self, run: Run, ok: Sequence[Request]) -> list[Request]:
        healed_s = last_healed_s(run.history) or 0.0
        return [job for job in ok if job.at_s >= healed_s]

    def _missing(self, run: Run, jobs: Sequence[Job], *, once: bool) -> Reason | None:
        """The reason why the history cannot show that the claim holds. None if it can."""
        if count := sum(job.seen is None or (once and not job.looked) for job in jobs):
            place = self._found(run)
            return self._unseen(run, count) if place.is_channel else NOT_LOOKED_UP(count=count)
        if count := sum(not job.is_in_time for job in jobs):
            return UNCLEAR(count=count, within_s=self.within_s or 0.0)
        if len(jobs) < self.at_least:
            return FEW(count=len(jobs), at_least=self.at_least)
        if run.was_cut_short:
            return CUT_SHORT()
        after = self._after_heal(run, [job.request for job in jobs])
        if run.plan.faults and len(after) < self.after_heal:
            return FEW_AFTER(count=len(after), after_heal=self.after_heal)
        return None

    def _unseen(self, run: Run, count: int) -> Reason:
        """The reason that jobs may have been delivered while the lab was not subscribed."""
        each = subscriptions_of(self.app, self.request or "", run.history)
        newest = {s.user: s for s in each}
        ended = [s for s in each if s is not newest[s.user]]
        last = ended[-1] if ended else None
        return NOT_SUBSCRIBED(
            count=count,
            place=self._found(run).place,
            at_s=last.at_s if last else None,
            why=last.why if last else "",
        )


def _lost(jobs: Sequence[Job], place: Found, within_s: float) -> Iterator[Reason]:
    lost = [job for job in jobs if job.is_lost]
    if lost:
        yield LOST(
            count=len(lost),
            place=place.place,
            looked_s=min(job.absent_s for job in lost),
            within_s=within_s,
            jobs=[job.request.op for job in lost[:MOST_NAMED]],
        )


def _late(jobs: Sequence[Job], within_s: float) -> Iterator[Reason]:
    late = [job for job in jobs if job.is_late]
    if late:
        named = sorted(late, key=lambda job: -job.late_s)[:MOST_NAMED]
        yield LATE(
            count=len(late),
            within_s=within_s,
            jobs=[job.request.op for job in named],
            late_s=[job.late_s for job in named],
        )


def _twice(sent: Sequence[Request], history: History) -> Iterator[Reason]:
    """Yields the reason that names jobs that are there more than once, acknowledged or not."""
    mine = dict.fromkeys(job.op for job in sent)
    often: dict[str, int] = {}
    for look in history.of(Delivered):
        often |= {look.op: look.times} if look.times > 1 and look.op in mine else {}
    for last in history.of(ReadBack):
        often |= {op: times for op, times in (last.repeated or {}).items() if op in mine}
    if often:
        named = [op for op in mine if op in often][:MOST_NAMED]
        yield TWICE(count=len(often), jobs=named, times=[often[op] for op in named])

"""`separates_users`: no event of one user's job arrives at another user. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import ErrorCode, Problem
from chaoslab.evidence.delivery import accepted_spans
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import counted_from_s
from chaoslab.evidence.traffic import over_s
from chaoslab.evidence.writing import dry_s, loads_begin_s, started_by_s
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Run
from chaoslab.expectations.of_request import OfRequest
from chaoslab.history.events import CrossTalk, Delivered, Request
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

MOST_NAMED = 3

NO_USERS = ErrorCode(
    "expectation.no_users",
    lambda data: (
        f"'{data['kind']}' is about the users of a job, and "
        + (
            f"'{data['request']}' of '{data['app']}' has none"
            if data["request"]
            else f"no job of '{data['app']}' has users"
        )
    ),
    "The claim compares what several users get, and the request does not declare any.",
    data=("kind", "app", "request"),
)


def _others_text(data: Mapping[str, Any]) -> str:
    each = zip(*(data[name] for name in ("jobs", "at_s", "owners", "users")), strict=True)
    named = (f"{job} of {owner} at {user} at {at_s:.3f} s" for job, at_s, owner, user in each)
    return f"{data['count']} events of one user's job arrived at another user: {'; '.join(named)}"


OF_ANOTHER = Code(
    "event.of_another",
    _others_text,
    "Events with the id of one user's job arrived where another user is subscribed. Some are "
    "named, with the job, the user who sent it, the user who got it, and the time.",
    data=("count", "jobs", "at_s", "owners", "users"),
)
NO_TIME_AFTER = Code(
    "event.no_time_after_faults",
    "a fault did not begin, or was not healed, so nothing shows the events afterwards",
    "There is no time after the faults in which events count.",
)
FEW = Code(
    "event.few_compared",
    "only {count} jobs of {user} were delivered while all users were subscribed, expected at "
    "least {at_least}",
    "Too few events of a user's jobs came while the lab was subscribed as every user, so another "
    "user may have got them as well.",
)


def _compared_text(data: Mapping[str, Any]) -> str:
    each = zip(data["users"], data["counts"], strict=True)
    counts = ", ".join(f"{count} of {user}" for user, count in each)
    since = "" if data["since_s"] is None else f" from {data['since_s']:.3f} s on"
    return f"jobs delivered while all users were subscribed{since}: {counts}"


COMPARED = Code(
    "event.compared",
    _compared_text,
    "How many jobs of each user were delivered while the lab was subscribed as every user. "
    "`since_s` is the last heal, or the begin of a fault without a stop; null if the claim rests "
    "on no fault.",
    data=("users", "counts", "since_s"),
)


def _first_with_users(app: App) -> str:
    return next((each.name for each in app.requests.values() if each.users), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparatesUsers(OfRequest):
    """No event with the id of one user's job arrives where another user is subscribed.

    It is about a job that is found in `websocket` or `events` and has `users`; if `request` is
    None, about the app's first one. At least `at_least` jobs of each user must be delivered to that
    user while the lab is subscribed as every user, after the heal of the faults that the claim
    rests on.
    """

    at_least: int = 5
    kind: Literal["separates_users"] = "separates_users"

    counted: ClassVar[bool] = True
    excusable: ClassVar[bool] = False
    watches: ClassVar[frozenset[Watch]] = frozenset({"deliveries"})
    app_defaults: ClassVar[AppDefaults] = {"request": _first_with_users}

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.least(place, 1, at_least=self.at_least)
        wrong = [*needs.a_request(place, self, self.request, "job"), *self._no_users(place)]
        yield from wrong or needs.a_load(place, self, _first_with_users)

    def longest_s(self, place: Place) -> float:
        contract = place.topology.apps[self.app].requests.get(self.request or "")
        jobs = self.at_least * len(contract.users if contract else ())
        return jobs / needs.slowest_rate(self.app, place.plan)

    def judged(self, run: Run) -> Verdict:
        """The verdict. One event that arrives at another user fails the claim, whenever it came."""
        since_s = counted_from_s(self.rests_on, run.plan, run.history)
        counts = self._counts(run, self._compared(run, since_s))
        claim = (
            f"no event of a job {self.request} of one user of {self.app} arrives at another: "
            f"{', '.join(counts)} (at least {self.at_least} jobs of each)"
        )
        notes = [*_counts_of(counts, since_s)]
        if crossed := self._crossed(run):
            return failed(self.kind, claim, _of_another(crossed), *notes)
        if since_s == math.inf:
            return unknown(self.kind, claim, NO_TIME_AFTER(), *notes)
        for user, count in counts.items():
            if count < self.at_least:
                few = FEW(user=user, count=count, at_least=self.at_least)
                return unknown(self.kind, claim, few, *notes)
        if run.was_cut_short:
            return unknown(self.kind, claim, CUT_SHORT(), *notes)
        return passed(self.kind, claim, *notes)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says for whose jobs the run still waits. None if there are enough, or if none
        came for too long.
        """
        plan, history = run.plan, run.history
        since_s = counted_from_s(self.rests_on, plan, history)
        compared = self._compared(run, since_s)
        counts = self._counts(run, compared)
        few = next((user for user, count in counts.items() if count < self.at_least), None)
        if few is None or self._crossed(run):
            return None
        begins_s = [
            *loads_begin_s(self.app, plan, history),
            started_by_s(self.app, history, run.app(self.app).deadlines.startup_s),
        ]
        begins_s += [since_s] if math.isfinite(since_s) else []
        newest_s = max([*begins_s, *map(over_s, compared)])
        dry = now_s > newest_s + dry_s(self.app, plan)
        return None if dry else f"{self.at_least - counts[few]} more jobs of {few}"

    def _no_users(self, place: Place) -> Iterator[Problem]:
        name = needs.app_name(place, self.app)
        app = place.topology.apps.get(name)
        named = app.requests.get(self.request or _first_with_users(app)) if app else None
        if app is not None and app.requests and (named is None or not named.users):
            reason = NO_USERS(kind=self.kind, app=name, request=self.request or "")
            fix = "add users = [...] to a job that is found in websocket or events"
            yield Problem(where=place.where, reason=reason, fix=fix)

    def _crossed(self, run: Run) -> list[CrossTalk]:
        each = run.history.of(CrossTalk)
        return [x for x in each if (x.app, x.request) == (self.app, self.request)]

    def _users(self, run: Run) -> tuple[str, ...]:
        return run.app(self.app).requests[self.request or ""].users

    def _counts(self, run: Run, jobs: Sequence[Request]) -> dict[str, int]:
        """Maps each user to the number of these jobs that the user sent."""
        sent = Counter(job.user for job in jobs)
        return {user: sent[user] for user in self._users(run)}

    def _compared(self, run: Run, since_s: float) -> list[Request]:
        """The jobs, of those sent from `since_s` on, that were delivered to their user, with the
        lab subscribed as every user from the job's request to its delivery.
        """
        history, request = run.history, self.request or ""
        seen: dict[str, Delivered] = {}
        for event in history.of(Delivered):
            if (event.app, event.request) == (self.app, request):
                seen.setdefault(event.op, event)
        spans = [accepted_spans(self.app, request, user, history) for user in self._users(run)]

        def all_subscribed(start_s: float, end_s: float) -> bool:
            return all(
                any(span.start_s <= start_s and end_s <= span.end_s for span in each)
                for each in spans
            )

        jobs = (job for job in self.of_mine(history) if job.at_s >= since_s and job.op in seen)
        return [job for job in jobs if all_subscribed(job.at_s, seen[job.op].at_s)]


def _counts_of(counts: Mapping[str, int], since_s: float) -> Iterator[Reason]:
    if since_s < math.inf:
        known_s = since_s if math.isfinite(since_s) else None
        yield COMPARED(users=[*counts], counts=[*counts.values()], since_s=known_s)


def _of_another(crossed: list[CrossTalk]) -> Reason:
    named = crossed[:MOST_NAMED]
    return OF_ANOTHER(
        count=len(crossed),
        jobs=[each.op for each in named],
        at_s=[each.at_s for each in named],
        owners=[each.owner for each in named],
        users=[each.user for each in named],
    )

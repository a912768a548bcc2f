"""Whether, and when, the jobs that an app acknowledged were delivered. Pure.

The lab looks for a job again and again, so it knows two times: that of the last look that did not
find the job, and that of the first one that found it. The job was delivered between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaoslab.evidence.timeline import Span, exited
from chaoslab.evidence.traffic import near_faults, over_s
from chaoslab.evidence.waits import Loss, losses_of, lost_in
from chaoslab.history.events import (
    Delivered,
    ReadBack,
    Request,
    Spawned,
    StartupComplete,
    StopRequested,
    Subscription,
    SubscriptionAccepted,
)
from chaoslab.history.journal import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job that the app acknowledged, and what the lab found of it.

    `clock` begins when the time for the job begins, and ends at the bound. `seen` is the first look
    that found the job, None if none did. `absent_s` is the time of the last look that did not find
    it, and `looked` is true if the lab looked for it at the end of the run. `waits` are the app's
    waits for a core, which do not count.

    A subscription is a look from its beginning to its end, for the jobs that were sent in it.
    """

    request: Request
    clock: Span
    seen: Delivered | None
    absent_s: float
    looked: bool
    waits: Sequence[Loss]

    @property
    def is_late(self) -> bool:
        """Whether the job was certainly delivered after its bound."""
        return self.seen is not None and self.is_over(self.seen.not_before_s)

    @property
    def is_in_time(self) -> bool:
        """Whether the job was certainly delivered by its bound."""
        return self.seen is not None and not self.is_over(self.seen.at_s)

    @property
    def is_lost(self) -> bool:
        """Whether no look found the job, and one of them came after its bound."""
        return self.seen is None and self.is_over(self.absent_s)

    @property
    def took_s(self) -> float:
        """The longest time that the delivery may have taken: until the look that found it."""
        assert self.seen is not None, "the job was not delivered"
        return max(0.0, self.seen.at_s - self.clock.start_s)

    @property
    def late_s(self) -> float:
        """The shortest time that the job was not delivered after its bound."""
        assert self.seen is not None, "the job was not delivered"
        return self.seen.not_before_s - self.clock.end_s

    def is_over(self, at_s: float) -> bool:
        """Whether the time for the job was over at `at_s`, not counting waits for a core."""
        if at_s <= self.clock.end_s:
            return False
        return at_s - lost_in(Span(start_s=self.clock.start_s, end_s=at_s), self.waits) > (
            self.clock.end_s
        )


def jobs_of(
    app: str, acknowledged: Sequence[Request], within_s: float, startup_s: float, history: History
) -> list[Job]:
    """The acknowledged jobs with what was found of each. Each must be delivered within `within_s`
    seconds of the time at which its clock begins; see `clock_of`.
    """
    if not acknowledged:
        return []
    (_, waits), _ = losses_of(app, None, history)
    pauses = sorted(pauses_of(app, startup_s, history), key=lambda pause: pause.start_s)
    name, looked = acknowledged[0].request, set[str]()
    seen: dict[str, Delivered] = {}
    absent_s: dict[str, float] = {}
    for event in history.events:
        if isinstance(event, Delivered) and (event.app, event.request) == (app, name):
            seen.setdefault(event.op, event)
        elif isinstance(event, ReadBack) and (event.app, event.request) == (app, name):
            absent_s |= dict.fromkeys(event.missing, event.at_s)
            looked |= {*event.found, *event.missing}
    subscriptions = subscriptions_of(app, name, history)
    last = {each.user: each for each in subscriptions}
    for each in subscriptions:
        mine = (job for job in acknowledged if job.user == each.user)
        sent_in = [job.op for job in mine if each.since_s <= job.at_s <= each.at_s]
        absent_s |= dict.fromkeys(sent_in, each.at_s)
        looked |= set(sent_in) if each is last[each.user] else set()
    return [
        Job(
            request=job,
            clock=clock_of(over_s(job), within_s, pauses),
            seen=seen.get(job.op),
            absent_s=absent_s.get(job.op, -math.inf),
            looked=job.op in looked,
            waits=waits,
        )
        for job in acknowledged
    ]


def subscriptions_of(app: str, request: str, history: History) -> list[Subscription]:
    """The lab's subscriptions to the events that deliver the jobs `request` of the app."""
    each = (s for s in history.of(Subscription) if (s.app, s.request) == (app, request))
    return sorted(each, key=lambda subscription: subscription.since_s)


def first_subscribed_s(app: str, request: str, history: History) -> dict[str, float]:
    """Maps each user as whom the lab subscribed to the events of these jobs to when it first did.
    What came before is not known, so what comes later of a job that was sent before may be a second
    event.
    """
    first_s = {s.user: s.since_s for s in reversed(subscriptions_of(app, request, history))}
    for each in history.of(SubscriptionAccepted):  # also one that has not ended
        if (each.app, each.request) == (app, request):
            first_s[each.user] = min(each.at_s, first_s.get(each.user, math.inf))
    return first_s


def accepted_spans(app: str, request: str, user: str, history: History) -> list[Span]:
    """The spans in which the lab was subscribed as `user` to the events of these jobs. One that the
    history does not end has no end.
    """
    mine = (app, request, user)
    ends_s = {
        s.since_s: s.at_s for s in history.of(Subscription) if (s.app, s.request, s.user) == mine
    }
    return [
        Span(start_s=a.at_s, end_s=ends_s.get(a.at_s, math.inf))
        for a in history.of(SubscriptionAccepted)
        if (a.app, a.request, a.user) == mine
    ]


def clock_of(since_s: float, within_s: float, pauses: Sequence[Span]) -> Span:
    """The time for a job that was acknowledged at `since_s`: `within_s` seconds from then on. A
    pause that begins before they are over makes them begin again at its end. `pauses` are in the
    order in which they begin.
    """
    start_s = since_s
    for pause in pauses:
        if pause.start_s <= start_s + within_s and pause.end_s > start_s:
            start_s = pause.end_s
    return Span(start_s=start_s, end_s=start_s + within_s)


def pauses_of(app: str, startup_s: float, history: History) -> Iterator[Span]:
    """Yields the spans in which no job has to be delivered: each fault of the plan, from its
    request to its heal, and each time in which the plan itself keeps the app down, from the stop to
    the end of the next boot's start-up.
    """
    yield from near_faults(history, 0.0)
    boots = [s for s in history.of(Spawned) if s.app == app and not s.restart]
    stops_s = {r.boot: r.at_s for r in history.of(StopRequested) if r.app == app}
    for boot in boots[1:]:
        before = max(b.boot for b in history.of(Spawned) if b.boot < boot.boot and b.app == app)
        ended = exited(history, app, before)
        down_s = stops_s.pop(before, ended.at_s if ended else boot.at_s)
        up = history.first_of_boot(StartupComplete, app, boot.boot)
        yield Span(start_s=down_s, end_s=up.at_s if up else boot.at_s + startup_s)
    for stopped_s in stops_s.values():
        yield Span(start_s=stopped_s, end_s=math.inf)

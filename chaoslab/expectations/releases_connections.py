"""Connections that a server itself counts: after a recovery no more of them than before. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from chaoslab.errors import Problem
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    exited,
    healthy_since,
    last_healed_s,
    run_ended,
    samples,
    still_asked,
    watched_until_s,
)
from chaoslab.evidence.traffic import first_fault_s, well_s
from chaoslab.evidence.writing import LOOKED_S
from chaoslab.expectations import needs
from chaoslab.expectations.base import Expectation, Run
from chaoslab.history.events import HealthSample, ServerConnections, Spawned
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

LASTING_S = 0.25  # a level that holds for less may be a canary's, or one connection replaced
CALM_S = 0.3  # after the recovery, for what the recovery itself replaces
WATCHED_S = 0.5  # for so long the server must have been looked at then

NO_HEAL = Code(
    "connections.no_heal",
    "no fault was healed",
    "Without a heal there is no recovery after which connections could be counted.",
)
NO_BASELINE = Code(
    "connections.no_baseline",
    "the app was not observed ready or healthy before the first fault: there is no baseline",
    "No time before the first fault shows how many connections the app needs.",
)
NO_LEVEL = Code(
    "connections.no_level",
    "{service}: no count of its connections lasted {at_least_s:g} s before the fault",
    "The server's count changed too quickly, or was not read, before the fault.",
)
BRIEFLY_COUNTED = Code(
    "connections.briefly_counted",
    "{service}: its connections were counted for only {counted_s:.3f} s after the recovery",
    "The server was not asked for long enough after the recovery.",
)


def _counted_text(data: Mapping[str, Any]) -> str:
    pool = "" if data["pool"] is None else f", {data['pool']} are declared as the pool"
    return (
        f"{data['service']} counts {data['after']} connections after the recovery, "
        f"{data['before']} before the fault{pool} ({data['spare']} more are allowed)"
    )


COUNTED = Code(
    "connections.counted",
    _counted_text,
    "How many connections the server itself counted: the lowest count after the recovery, the "
    "highest that lasted before the fault, the declared pool of the run's apps, what is allowed.",
    data=("service", "after", "before", "pool", "spare"),
)
DECLARE_POOL = Code(
    "connections.declare_pool",
    "if its pool may grow, declare its size: pool = {{ {service} = N }} under [apps.<name>.limits] "
    "of each app that uses {service}",
    "No size is declared for the pool, so that a pool that grows cannot be distinguished from a "
    "leak.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesConnections(Expectation):
    """Once it has recovered, the app has no more than `spare` connections on each server beyond
    those that it had while it was well before the fault, or beyond its declared `pool` where that
    is more, counted by the server itself. None takes `spare` from the app's limits.

    `services` are the servers at which they are counted; empty for each that the app links to.
    """

    spare: int | None = None
    services: tuple[str, ...] = ()
    boot: int = 1
    kind: Literal["releases_connections"] = "releases_connections"

    counted: ClassVar[bool] = True

    @property
    def watches(self) -> frozenset[Watch]:
        return frozenset({"server_clients"})

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_fault(place, self)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 0, spare=self.spare)
        yield from needs.linked(place, self.app, self.services)

    def resolved(self, app: App) -> Self:
        spare = app.limits.spare_connections if self.spare is None else self.spare
        return replace(self, app=app.name, spare=spare)

    def judged(self, run: Run) -> Verdict:
        return releases_connections(self, run.topology, run.plan, run.history)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        return _under_way(self, run, now_s)


def releases_connections(
    e: ReleasesConnections, topology: Topology, plan: Plan, history: History
) -> Verdict:
    """On each server the lowest count after the recovery is at most the baseline and `spare`.

    The baseline is the highest level that lasted from when the app was well to the first fault, or
    the declared size of the pool, where that is larger. A server counts the clients of all apps.
    Where the app is not healthy again when its time to recover is up, the count is held against the
    baseline all the same.
    """
    claim = (
        f"after its recovery {e.app} holds at most {e.spare} connections more on each server "
        "than before the fault, or than its declared pool"
    )
    if not plan.faults or (healed_s := last_healed_s(history)) is None:
        return unknown(e.kind, claim, NO_HEAL())
    recovery_s = topology.apps[e.app].deadlines.recovery_s
    settled = _settled_span(e, history, healed_s, recovery_s)
    before = _before(e, history)
    if before is None:
        return unknown(e.kind, claim, NO_BASELINE())
    each = [
        _of(service, history, (before, settled), e.spare or 0, _pool(service, topology, history))
        for service in e.services or topology.apps[e.app].links
    ]
    because = tuple(why for _, reasons in each for why in reasons)
    outcomes = {outcome for outcome, _ in each}
    ended = run_ended(history)
    if ended is None or not ended.settled:  # they may have been given back, or made, later
        return unknown(e.kind, claim, CUT_SHORT(), *because)
    if Outcome.FAIL in outcomes:
        return failed(e.kind, claim, *because)
    if Outcome.UNKNOWN in outcomes or not because:
        return unknown(e.kind, claim, *because)
    return passed(e.kind, claim, *because)


def calm_s(e: ReleasesConnections, history: History, healed_s: float, recovery_s: float) -> float:
    """From when the count is held against the baseline: the recovery, at the latest its due."""
    since = healthy_since(history, e.app, e.boot, healed_s)
    due_s = healed_s + recovery_s
    return min(answered_s(since) if since else due_s, due_s) + CALM_S


def _settled_span(
    e: ReleasesConnections, history: History, healed_s: float, recovery_s: float
) -> Span:
    """Up to the last answer of health: soon after it the lab stops the app, which lets all go."""
    seen = (s for s in history.of(HealthSample) if (s.app, s.boot) == (e.app, e.boot))
    last_s = max((answered_s(s) for s in seen), default=0.0)
    end_s = min(last_s, watched_until_s(history, e.app, e.boot))
    return Span(start_s=calm_s(e, history, healed_s, recovery_s), end_s=end_s)


def _before(e: ReleasesConnections, history: History) -> Span | None:
    """From when the app was first seen well, in whichever boot, to the first fault."""
    boots = (s.boot for s in history.of(Spawned) if s.app == e.app)
    since_s = min(filter(None, (well_s(history, e.app, boot) for boot in boots)), default=math.inf)
    until_s = first_fault_s(history)
    return Span(start_s=since_s, end_s=until_s) if since_s < until_s else None


def _pool(service: str, topology: Topology, history: History) -> int | None:
    """The most that the run's apps may hold there; None unless each of them declares it."""
    ran = {s.app for s in history.of(Spawned)}
    apps = [app for app in topology.apps.values() if app.name in ran and service in app.links]
    if not apps or not all(service in app.limits.pool for app in apps):
        return None
    return sum(app.limits.pool[service] for app in apps)


def _of(
    service: str, history: History, spans: tuple[Span, Span], spare: int, pool: int | None
) -> tuple[Outcome, tuple[Reason, ...]]:
    before, settled = spans
    baseline = _lasting(list(_levels(service, before, history)))
    if baseline is None:
        return Outcome.UNKNOWN, (NO_LEVEL(service=service, at_least_s=LASTING_S),)
    levels = list(_levels(service, settled, history))
    counted_s = sum(
        max(0.0, span.end_s - span.start_s) for span, count in levels if count is not None
    )
    counts = [count for _, count in levels if count is not None]
    if not counts or counted_s < WATCHED_S:
        return Outcome.UNKNOWN, (BRIEFLY_COUNTED(service=service, counted_s=counted_s),)
    least = min(counts)
    seen = COUNTED(service=service, after=least, before=baseline, pool=pool, spare=spare)
    if least <= max(baseline, pool or 0) + spare:
        return Outcome.PASS, (seen,)
    if pool is not None:
        return Outcome.FAIL, (seen,)
    return Outcome.FAIL, (seen, DECLARE_POOL(service=service))


def _levels(service: str, span: Span, history: History) -> Iterator[tuple[Span, int | None]]:
    """The count as it stood, step by step, within a time; None while nobody could ask."""
    looks = [c for c in history.of(ServerConnections) if c.service == service]
    ends = [*(look.at_s for look in looks[1:]), math.inf]
    for look, end_s in zip(looks, ends, strict=False):  # without a look there is no step
        step = Span(start_s=max(look.at_s, span.start_s), end_s=min(end_s, span.end_s))
        if step.start_s < step.end_s:
            yield step, look.count


def _lasting(levels: list[tuple[Span, int | None]]) -> int | None:
    """The highest count that was not fallen short of for a while; None where none was."""
    known = sorted({count for _, count in levels if count is not None}, reverse=True)
    return next((count for count in known if _held_s(levels, count) >= LASTING_S), None)


def _held_s(levels: list[tuple[Span, int | None]], least: int) -> float:
    """The longest time on end for which the count was at least that."""
    longest_s = held_s = 0.0
    for span, count in levels:
        held_s = held_s + span.end_s - span.start_s if count is not None and count >= least else 0.0
        longest_s = max(longest_s, held_s)
    return longest_s


def _under_way(e: ReleasesConnections, run: Run, now_s: float) -> str | None:
    """Wait until the time to recover is over, and the server was looked at then."""
    plan, history, recovery_s = run.plan, run.history, run.app(e.app).deadlines.recovery_s
    if exited(history, e.app, e.boot) is not None:
        return None
    healed_s = last_healed_s(history)
    if healed_s is None:
        return None
    due_s = calm_s(e, history, healed_s, recovery_s) + WATCHED_S
    seen = samples(history, e.app, e.boot)  # the count is judged up to the last answer of health
    short = not seen or max(map(answered_s, seen)) < due_s
    open_ = now_s <= due_s + LOOKED_S or (short and still_asked(seen, plan.sampling, now_s))
    return f"the connections of {e.app} to be given back" if open_ else None

"""`releases_connections`: the app holds no more connections than before the fault. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from chaoslab.errors import Problem
from chaoslab.evidence.connections import dead_at_service
from chaoslab.evidence.reasons import CUT_SHORT
from chaoslab.evidence.timeline import (
    Span,
    answered_s,
    exited,
    healthy_since,
    last_healed_s,
    samples,
    still_asked,
    watched_until_s,
)
from chaoslab.evidence.traffic import first_fault_s, well_s
from chaoslab.evidence.writing import LOOKED_S
from chaoslab.expectations import needs
from chaoslab.expectations.base import AppDefaults, Expectation, Run
from chaoslab.history.events import HealthSample, ServerConnections, Spawned
from chaoslab.history.journal import History
from chaoslab.model.expectation import Place, Watch
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict, failed, passed, unknown
from chaoslab.reason import Code, Reason

LASTING_S = 0.25  # a count that lasts less may include a canary, or a connection being replaced
CALM_S = 0.3  # the time after the recovery in which the app may still replace connections
WATCHED_S = 0.5  # the server must be asked for at least this long after that

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
    "Before the fault the server's count changed too quickly, or was unknown.",
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
    "How many connections the server counted: `after` is the lowest count after the recovery, "
    "`before` the highest that lasted before the fault, `pool` the sum of the declared pools, "
    "`spare` how many more are allowed.",
    data=("service", "after", "before", "pool", "spare"),
)
LEFT_DEAD = Code(
    "connections.left_dead",
    "{service}: {connections} connections that a heal left dead were open there at the end of the "
    "run; they are not counted as the app's",
    "A heal with at_heal=dead leaves both halves of the old connections open for ever. The app "
    "cannot close the server's half.",
)
DECLARE_POOL = Code(
    "connections.declare_pool",
    "if its pool may grow, declare its size: pool = {{ {service} = N }} under [apps.<name>.limits] "
    "of each app that uses {service}",
    "The pool has no declared size, so a pool that grows cannot be distinguished from a leak.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesConnections(Expectation):
    """After its recovery the app has at most `spare` connections more on each server than before
    the fault, or than its declared `pool` if that is more.

    The server itself counts them. Connections that a heal left dead do not count. `services` names
    the servers; empty means each one that the app has a link to. `spare=None` takes the number from
    the app's limits.
    """

    spare: int | None = None
    services: tuple[str, ...] = ()
    boot: int = 1
    kind: Literal["releases_connections"] = "releases_connections"

    over_boots: ClassVar[bool] = True
    counted: ClassVar[bool] = True
    watches: ClassVar[frozenset[Watch]] = frozenset({"server_clients"})
    app_defaults: ClassVar[AppDefaults] = {"spare": lambda app: app.limits.spare_connections}

    def problems(self, place: Place) -> Iterator[Problem]:
        yield from needs.bounds(place, self)
        yield from needs.a_fault(place, self)
        yield from needs.healed(place, self, place.plan.faults)
        yield from needs.least(place, 0, spare=self.spare)
        yield from needs.linked(place, self.app, self.services)

    def judged(self, run: Run) -> Verdict:
        """The verdict: on each server the lowest count after the recovery must be at most the
        baseline plus `spare`.

        The baseline is the highest count that lasted between the app's first healthy or ready
        answer and the first fault, or the declared pool if that is larger. A server counts the
        clients of all apps. An app that does not recover is judged from `recovery_s` after the heal
        on.
        """
        topology, history = run.topology, run.history
        claim = (
            f"after its recovery {self.app} holds at most {self.spare} connections more on each "
            "server than before the fault, or than its declared pool"
        )
        if not run.plan.faults or (healed_s := last_healed_s(history)) is None:
            return unknown(self.kind, claim, NO_HEAL())
        recovery_s = topology.apps[self.app].deadlines.recovery_s
        settled = _settled_span(self, history, healed_s, recovery_s)
        before = _before(self, history)
        if before is None:
            return unknown(self.kind, claim, NO_BASELINE())
        spare = self.spare or 0
        each = [
            _of(
                service,
                history,
                (before, settled),
                spare=spare,
                pool=_pool(service, topology, history),
                dead=dead_at_service(service, topology, history),
            )
            for service in self.services or topology.apps[self.app].links
        ]
        because = tuple(why for _, reasons in each for why in reasons)
        outcomes = {outcome for outcome, _ in each}
        if run.was_cut_short:  # the app may have closed or opened connections later
            return unknown(self.kind, claim, CUT_SHORT(), *because)
        if Outcome.FAIL in outcomes:
            return failed(self.kind, claim, *because)
        if Outcome.UNKNOWN in outcomes or not because:
            return unknown(self.kind, claim, *because)
        return passed(self.kind, claim, *because)

    def waits_for(self, run: Run, now_s: float) -> str | None:
        """A text that says that the run still waits: for the end of the recovery, and then for
        counts of the server's connections for long enough. None if the run waits no longer.
        """
        plan, history, recovery_s = run.plan, run.history, run.app(self.app).deadlines.recovery_s
        if exited(history, self.app, self.boot) is not None:
            return None
        healed_s = last_healed_s(history)
        if healed_s is None:
            return None
        due_s = _judged_from_s(self, history, healed_s, recovery_s) + WATCHED_S
        seen = samples(history, self.app, self.boot)  # counts are judged up to the last answer
        short = not seen or max(map(answered_s, seen)) < due_s
        open_ = now_s <= due_s + LOOKED_S or (short and still_asked(seen, plan.sampling, now_s))
        return f"{self.app} to close connections" if open_ else None


def _judged_from_s(
    e: ReleasesConnections, history: History, healed_s: float, recovery_s: float
) -> float:
    """The time from which counts are compared with the baseline: shortly after the recovery, or
    after the bound for it if the app was not healthy by then.
    """
    since = healthy_since(history, e.app, e.boot, healed_s)
    due_s = healed_s + recovery_s
    return min(answered_s(since) if since else due_s, due_s) + CALM_S


def _settled_span(
    e: ReleasesConnections, history: History, healed_s: float, recovery_s: float
) -> Span:
    """The time in which counts are compared with the baseline. It ends with the last answer of
    health: soon after that answer the lab stops the app, which closes its connections.
    """
    seen = (s for s in history.of(HealthSample) if (s.app, s.boot) == (e.app, e.boot))
    last_s = max((answered_s(s) for s in seen), default=0.0)
    end_s = min(last_s, watched_until_s(history, e.app, e.boot))
    return Span(start_s=_judged_from_s(e, history, healed_s, recovery_s), end_s=end_s)


def _before(e: ReleasesConnections, history: History) -> Span | None:
    """The time from the app's first healthy or ready answer, in any boot, to the first fault. None
    if there was no such answer before the fault.
    """
    boots = (s.boot for s in history.of(Spawned) if s.app == e.app)
    since_s = min(filter(None, (well_s(history, e.app, boot) for boot in boots)), default=math.inf)
    until_s = first_fault_s(history)
    return Span(start_s=since_s, end_s=until_s) if since_s < until_s else None


def _pool(service: str, topology: Topology, history: History) -> int | None:
    """The sum of the pool sizes that the run's apps declare for `service`; None unless every app
    with a link to that service declares one.
    """
    ran = {s.app for s in history.of(Spawned)}
    apps = [app for app in topology.apps.values() if app.name in ran and service in app.links]
    if not apps or not all(service in app.limits.pool for app in apps):
        return None
    return sum(app.limits.pool[service] for app in apps)


def _of(
    service: str,
    history: History,
    spans: tuple[Span, Span],
    *,
    spare: int,
    pool: int | None,
    dead: int,
) -> tuple[Outcome, tuple[Reason, ...]]:
    """The outcome for one server, with its reasons. `spans` are the times before the fault and
    after the recovery. `dead` connections there are not the app's to close.
    """
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
    because = (seen, LEFT_DEAD(service=service, connections=dead)) if dead else (seen,)
    if least <= max(baseline, pool or 0) + spare + dead:
        return Outcome.PASS, because
    if pool is not None:
        return Outcome.FAIL, because
    return Outcome.FAIL, (*because, DECLARE_POOL(service=service))


def _levels(service: str, span: Span, history: History) -> Iterator[tuple[Span, int | None]]:
    """Yields the counts of the server's connections within `span` as pairs: a time, and the
    constant count in that time (None: not known).
    """
    looks = [c for c in history.of(ServerConnections) if c.service == service]
    ends = [*(look.at_s for look in looks[1:]), math.inf]
    for look, end_s in zip(looks, ends, strict=False):  # without a look there is no step
        step = Span(start_s=max(look.at_s, span.start_s), end_s=min(end_s, span.end_s))
        if step.start_s < step.end_s:
            yield step, look.count


def _lasting(levels: list[tuple[Span, int | None]]) -> int | None:
    """The highest count such that the server had that count, or more, for 0.25 s without a break;
    None if there is none.
    """
    known = sorted({count for _, count in levels if count is not None}, reverse=True)
    return next((count for count in known if _held_s(levels, count) >= LASTING_S), None)


def _held_s(levels: list[tuple[Span, int | None]], least: int) -> float:
    """The longest time, in seconds without a break, in which the count was at least `least`."""
    longest_s = held_s = 0.0
    for span, count in levels:
        held_s = held_s + span.end_s - span.start_s if count is not None and count >= least else 0.0
        longest_s = max(longest_s, held_s)
    return longest_s

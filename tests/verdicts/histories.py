"""Small histories by hand: one good run of a severed connector, and how it is judged.

The good run, in seconds since the lab's start: the connector is severed from 0.2 to 3.0, the app is
spawned at 0.4, listens at 0.9, is complete and degraded at 2.0, healthy from 3.4, proved at 3.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from chaoslab.expectations import (
    Expectation,
)
from chaoslab.expectations.base import Run
from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FirstAnswer,
    LabUp,
    RequestOutcome,
    RunEnded,
)
from chaoslab.history.journal import History
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.judge import judge

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    back,
    canary,
    complete,
    connection,
    counted,
    ended,
    exited,
    fault,
    of,
    ready,
    samples,
    snapshot,
    sockets,
    spawned,
    without,
    write,
    writes,
    written_s,
)
from .plans import BOTH, OUTAGE, PG, REDIS, SAMPLING, TOPOLOGY, plan_of


def judged(events: Iterable[AnyEvent], *expect: Expectation, **plan: Any) -> list[Verdict]:
    """The verdicts of these events, one for each expectation."""
    return list(judge(TOPOLOGY, plan_of(*expect, **plan), history_of(events)))


def run_of(
    events: Iterable[AnyEvent], plan: Plan | None = None, topology: Topology = TOPOLOGY
) -> Run:
    """The run as one claim sees it. Without a plan, one without faults."""
    return Run(
        topology=topology,
        plan=plan or Plan(sampling=SAMPLING),
        history=history_of(events),
    )


def outcomes(verdicts: Iterable[Verdict]) -> list[str]:
    """The outcomes of verdicts."""
    return [verdict.outcome.value for verdict in verdicts]


def history_of(events: Iterable[AnyEvent]) -> History:
    """A history of events, in the order in which the lab records them."""
    return History(tuple(sorted(events, key=written_s)))


def outage() -> list[AnyEvent]:
    """The good run without any evidence that the outage affected the app."""
    return [
        LabUp(at_s=0.1, took_s=0.1, versions={}, links={}),
        *fault(OUTAGE, 0.2, 0.21, 3.0, 3.02),
        canary(0.31, PG),
        canary(0.31, REDIS),
        spawned(0.4),
        *samples(0.45, 0.9, UNREACHABLE),
        Bound(at_s=0.9, app="backend", boot=1),
        FirstAnswer(at_s=0.95, app="backend", boot=1, status_code=503),
        *samples(0.95, 2.0, UNHEALTHY),
        snapshot(2.0),
        complete(2.0, DEGRADED),
        *samples(2.0, 3.4, DEGRADED, *BOTH),
        *samples(3.4, 4.1, HEALTHY),
        write(3.42, "proof-1", purpose="proof"),
        ready(3.45),
        back(3.5, "proof-1"),
        back(4.15, "proof-1"),
        exited(4.2),
        ended(4.25),
    ]


def outage_evidence() -> list[AnyEvent]:
    """The evidence that the dropped connects affected the app on both links."""
    return [
        sockets(1.0, PG, syn_sent=(5001,)),
        sockets(1.5, REDIS, syn_sent=(6001,)),
        sockets(1.6, REDIS),
        sockets(2.5, PG),
        sockets(3.4, PG, established=(5002,)),
        sockets(3.4, REDIS, established=(6002,)),
    ]


def good() -> list[AnyEvent]:
    """The good run with its evidence."""
    return [*outage(), *outage_evidence()]


def healthy_run(until_s: float = 3.0) -> list[AnyEvent]:
    """An app that starts at 0.4, is healthy from 1.0, and has one connection on each link."""
    return [
        spawned(0.4),
        Bound(at_s=0.8, app="backend", boot=1),
        snapshot(1.0, mode="normal", degraded_phases=()),
        complete(1.0, HEALTHY),
        ready(1.02),
        sockets(0.9, PG, established=(5001,)),
        sockets(0.9, REDIS, established=(6001,)),
        *samples(1.0, until_s, HEALTHY),
    ]


STOPPED = "stopped:postgres"


def stopped_under_load() -> list[AnyEvent]:
    """A good run with 20 writes a second. Postgres is stopped from 2.45 to 4.6, and health is
    degraded from 2.6 to 5.0. The app tries the link five times with growing pauses.
    """
    tries = [(5, 2.5), (6, 2.6), (7, 2.85), (8, 3.3), (9, 4.1)]
    tried = [
        connection(PG, 5000 + n, number=n, opened_s=at_s, closed_s=at_s, end="upstream_refused")
        for n, at_s in tries
    ]
    served = [*writes(1.1, 2.4), *writes(5.0, 6.9)]
    again = connection(PG, 5100, fault="", read_s=7.0, number=10, opened_s=4.95)
    return [
        LabUp(at_s=0.1, took_s=0.1, versions={}, links={}),
        *(counted(at_s, n, s) for s in BOTH for at_s, n in ((0.3, 0), (0.9, 1), (1.3, 3))),
        *healthy_run(2.6),
        *served,
        *fault(STOPPED, 2.4, 2.45, 4.5, 4.6),
        counted(2.5, None),
        sockets(2.45, PG),
        *writes(2.4, 5.0, "failed", code=503),
        *samples(2.6, 5.0, DEGRADED, "postgres"),
        *(replace(c, fault=STOPPED, at_s=4.49) for c in tried),
        counted(4.65, 0),
        sockets(4.96, PG, established=(5100,)),
        counted(5.0, 4),
        *samples(5.0, 7.0, HEALTHY),
        write(5.1, "proof-1", purpose="proof"),
        back(5.2, "proof-1"),
        *(replace(c, fault="", at_s=7.0) for c in tried),
        again,
        back(7.05, "proof-1", *(w.op for w in served)),
        exited(7.1),
        ended(7.15),
    ]


def served_again(
    until_s: float = 9.4, outcome: RequestOutcome = "ok", code: int = 201
) -> list[AnyEvent]:
    """The same run with load until `until_s`. From 6.6 on, 2 s after the heal, every write counts
    again; every second one has this outcome.
    """
    more = writes(6.9, until_s)
    more[1::2] = [replace(w, outcome=outcome, status_code=code) for w in more[1::2]]
    return [
        *without(stopped_under_load(), of(Exited, RunEnded)),
        *more,
        *samples(7.0, until_s, HEALTHY),
        back(until_s + 0.05, "proof-1", *(w.op for w in more if w.outcome == "ok")),
        exited(until_s + 0.1),
        ended(until_s + 0.2),
    ]

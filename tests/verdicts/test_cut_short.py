"""Histories that end anywhere: no verdict fails on a part of a good run, or passes part of a bad.

A run is *killed* after any event: what was under way is missing, and there is no end. Or it is
*interrupted* at any time: what was under way comes to its own end, and the history says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

import pytest

from chaoslab import Severed, Stopped
from chaoslab.expectations import (
    KINDS,
    AnswersInTime,
    BacksOff,
    Degrades,
    Expectation,
    FailsFast,
    FirstRequestServed,
    KeepsAcknowledged,
    NoRestarts,
    ReadyWhenServing,
    Recovers,
    RefusesHonestly,
    RegainsLatency,
    ReleasesConnections,
    Sampled,
    Serves,
    Starts,
    StaysAvailable,
    StaysLive,
)
from chaoslab.expectations.base import Run
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FirstAnswer,
    HealthSample,
    ReadBack,
    RunEnded,
    StartupComplete,
    Write,
)
from chaoslab.model.faults import Declared
from chaoslab.model.verdict import Outcome

from .histories import (
    BOTH,
    DEGRADED,
    HEALTHY,
    PG,
    STOPPED,
    TOPOLOGY,
    UNHEALTHY,
    UNREACHABLE,
    back,
    between,
    complete,
    connection,
    counted,
    ended,
    exited,
    good,
    healthy_run,
    history_of,
    of,
    own,
    plan_of,
    probed,
    sample,
    samples,
    served_again,
    spawned,
    stopped_under_load,
    without,
    write,
    writes,
    written_s,
)

DOWN = Stopped(target="postgres")
OUT = Severed(target="vpc")


Cuts = Callable[[list[AnyEvent]], Iterator[list[AnyEvent]]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One expectation with a run that keeps it and runs that do not."""

    expect: Expectation
    keeps: list[AnyEvent]
    breaks: tuple[list[AnyEvent], ...]
    fault: Declared = OUT

    def outcome(self, events: list[AnyEvent]) -> Outcome:
        plan = plan_of(self.expect, faults=(self.fault,))
        run = Run(topology=TOPOLOGY, plan=plan, history=history_of(events)).of("backend")
        return cast("Expectation", plan.expect[0]).judged(run).outcome


def probes(code: int | None = 200, took_s: float = 0.01) -> list[AnyEvent]:
    """A healthy run to 5.0 that is asked on every path; its words differ from 2.0 to 4.0."""
    return [
        FirstAnswer(at_s=0.9, app="backend", boot=1, status_code=503),
        *healthy_run(5.0),
        *(p for path in ("live", "ready") for p in probed(path, 0.9, 2.0)),  # type: ignore[arg-type]
        *(p for path in ("live", "ready") for p in probed(path, 2.0, 4.0, code, took_s=took_s)),  # type: ignore[arg-type]
        *(p for path in ("live", "ready") for p in probed(path, 4.0, 5.0)),  # type: ignore[arg-type]
        exited(5.1),
        ended(5.2),
    ]


def serving(*, lies: bool = False, hides: bool = False) -> list[AnyEvent]:
    """Writes are refused from 2.4 to 5.0, while readiness says no, or lies; slow answers too."""
    down, up = (200 if lies else 503), (503 if hides else 200)
    words = [
        *probed("ready", 0.9, 2.5),
        *probed("ready", 2.5, 5.0, down, took_s=0.3),
        *probed("ready", 5.0, 7.0, up),
    ]
    slow = [write(at_s, f"slow-{at_s}", took_s=1.5) for at_s in (1.15, 2.05, 5.05, 5.35)]
    return [*stopped_under_load(), *words, *slow]


def restarts() -> list[AnyEvent]:
    boots = [(1, 0.4), (2, 1.3), (3, 2.2)]
    each = [
        (replace(spawned(s, n), restart=n > 1), exited(s + 0.8, code=3, asked=False, boot=n))
        for n, s in boots
    ]
    return [*(event for pair in each for event in pair), ended(3.3)]


def settling(after_s: float) -> list[AnyEvent]:
    """A healthy run to 4.5 but for its first answers, which say degraded for so long."""
    first = replace(sample(1.0, DEGRADED), took_s=0.0)
    events = without(healthy_run(4.5), of(StartupComplete))
    turned = [
        replace(e, state=DEGRADED) if isinstance(e, HealthSample) and e.at_s < 1.0 + after_s else e
        for e in events
    ]
    return [*turned, first, complete(1.0, DEGRADED), exited(4.6), ended(4.7)]


def died(at_s: float, events: list[AnyEvent]) -> list[AnyEvent]:
    """The run up to an end of the process by itself."""
    kept = without(events, lambda e: e.at_s >= at_s or isinstance(e, Exited | RunEnded))
    last = exited(at_s, code=3, asked=False, log=("ERROR postgres unreachable",))
    return [*kept, last, ended(at_s + 0.5)]


def degraded_as(*instead: HealthSample) -> list[AnyEvent]:
    return [*without(good(), between(2.0, 3.4)), *instead]


def from_heal_on(*instead: AnyEvent) -> list[AnyEvent]:
    """The good outage, with other answers after the heal."""
    return [*without(good(), lambda e: between(3.4, 9.0)(e) or e.kind == "run_ended"), *instead]


def replaced(*instead: HealthSample) -> list[AnyEvent]:
    """The good outage, whose boot the plan replaces just before the heal."""
    first = degraded_as(*instead) if instead else good()
    kept = [e for e in first if e.at_s < 2.9]
    heal = [e for e in good() if isinstance(e, FaultHealing | FaultHealed)]
    return [*kept, exited(2.9), spawned(2.95, boot=2), *heal, exited(4.2, boot=2), ended(4.25)]


NEVER_UP = without(good(), of(StartupComplete))
STORM = [
    replace(
        connection(
            PG,
            20000 + n,
            number=100 + n,
            opened_s=2.46 + 0.02 * n,
            closed_s=2.46 + 0.02 * n,
            end="upstream_refused",
        ),
        fault=fault,
        at_s=read_s,
    )
    for n in range(100)
    for fault, read_s in ((STOPPED, 4.49), ("", 7.0))
]
LOST = without(stopped_under_load(), lambda e: e.kind == "read_back")

CASES = {
    "boot": Case(
        expect=Starts(mode="degraded"),
        keeps=good(),
        breaks=(
            NEVER_UP,
            died(1.5, NEVER_UP),
            died(2.5, good()),
            [*without(good(), of(StartupComplete)), complete(2.0, HEALTHY)],
        ),
    ),
    "boot that settles": Case(
        expect=Starts(mode="normal"),
        keeps=settling(0.3),
        breaks=(settling(2.6), settling(9.0)),
    ),
    "fails fast": Case(
        expect=FailsFast(naming=("postgres",), cause=("unreachable",)),
        keeps=died(1.5, NEVER_UP),
        breaks=(
            good(),
            [*without(died(1.5, NEVER_UP), of(Exited)), exited(1.5, code=1, asked=False)],
        ),
    ),
    "restarts": Case(
        expect=NoRestarts(),
        keeps=[*healthy_run(), exited(3.1), ended(3.2)],
        breaks=(restarts(), died(2.0, healthy_run())),
    ),
    "degraded": Case(
        expect=Degrades(naming=BOTH),
        keeps=[*good(), sample(2.001, HEALTHY, took_s=0.3), sample(2.98, HEALTHY, took_s=0.3)],
        breaks=(
            degraded_as(*samples(2.0, 3.4, HEALTHY)),
            degraded_as(*samples(2.0, 3.4, DEGRADED, "redis")),
            degraded_as(*samples(2.0, 2.6, DEGRADED, *BOTH), *samples(2.6, 3.4, HEALTHY)),
            degraded_as(*(replace(s, took_s=0.8) for s in samples(2.0, 3.0, UNREACHABLE))),
            died(2.8, good()),
        ),
    ),
    "degraded, one name after the other": Case(
        expect=Degrades(naming=BOTH),
        keeps=degraded_as(
            *samples(2.0, 2.6, DEGRADED, "redis"), *samples(2.6, 3.4, DEGRADED, *BOTH)
        ),
        breaks=(
            degraded_as(*samples(2.0, 2.4, DEGRADED, *BOTH), *samples(2.4, 3.4, DEGRADED, "redis")),
        ),
    ),
    "degraded to a boot's end": Case(
        expect=Degrades(naming=BOTH),
        keeps=replaced(),
        breaks=(
            replaced(*samples(2.0, 2.9, HEALTHY)),
            replaced(*samples(2.0, 2.5, DEGRADED, *BOTH), *samples(2.5, 2.9, HEALTHY)),
        ),
    ),
    "available": Case(
        expect=StaysAvailable(),
        keeps=probes(),
        breaks=([*probes(), sample(3.02, UNHEALTHY)], died(4.5, probes())),
    ),
    "available once it has settled": Case(
        expect=StaysAvailable(),
        keeps=settling(0.3),
        breaks=(settling(2.6), settling(9.0), [*settling(0.3), sample(3.02, DEGRADED)]),
    ),
    "live": Case(
        expect=StaysLive(),
        keeps=probes(took_s=0.45),
        breaks=(probes(503), probes(None, 0.5), probes(200, 0.7), died(4.5, probes())),
    ),
    "prober": Case(
        expect=AnswersInTime(),
        keeps=probes(503, 0.45),
        breaks=(probes(None, 0.5), probes(200, 0.7), died(4.5, probes())),
    ),
    "ready": Case(
        expect=ReadyWhenServing(within_s=0.5),
        keeps=serving(),
        breaks=(serving(lies=True), serving(hides=True), died(6.5, serving())),
        fault=DOWN,
    ),
    "recovery": Case(
        expect=Recovers(proved=True),
        keeps=good(),
        breaks=(
            from_heal_on(*samples(3.4, 6.5, DEGRADED, "redis"), ended(6.6)),
            from_heal_on(*samples(3.4, 5.5, UNHEALTHY), *samples(5.5, 6.5, HEALTHY), ended(6.6)),
            died(3.3, good()),
            without(good(), lambda e: isinstance(e, Write)),
            [
                *without(
                    from_heal_on(*samples(3.4, 6.5, HEALTHY), ended(6.6)),
                    of(Write, ReadBack, Exited),
                ),
                exited(6.55),
                *(write(s, f"no-{s}", "failed", purpose="proof", code=503) for s in (3.5, 4.0)),
                write(5.1, "late", purpose="proof"),
                back(6.4, "late"),
            ],
        ),
    ),
    "recovery by health": Case(
        expect=Recovers(proved=False),
        keeps=without(good(), lambda e: isinstance(e, Write)),
        breaks=(
            [
                e if not isinstance(e, HealthSample) else replace(e, state=HEALTHY)
                for e in without(good(), lambda e: isinstance(e, Write))
            ],
        ),
    ),
    "kept": Case(
        expect=KeepsAcknowledged(at_least=5),
        keeps=stopped_under_load(),
        breaks=(LOST, [*LOST, back(7.05, missing=("never",))]),
        fault=DOWN,
    ),
    "refusals": Case(
        expect=RefusesHonestly(),
        keeps=stopped_under_load(),
        breaks=(
            [*stopped_under_load(), write(3.33, "rude", "indeterminate", code=500)],
            [*stopped_under_load(), write(6.95, "late", "failed", code=503)],
            without(stopped_under_load(), lambda e: isinstance(e, Write) and e.outcome == "failed"),
        ),
        fault=DOWN,
    ),
    "first request": Case(
        expect=FirstRequestServed(fault=STOPPED),
        keeps=[
            *without(
                stopped_under_load(),
                lambda e: isinstance(e, HealthSample | Write) and 2.4 <= e.at_s < 5.5,
            ),
            write(5.0, "first"),
        ],
        breaks=(
            [
                *without(stopped_under_load(), lambda e: isinstance(e, HealthSample | Write)),
                write(5.0, "first", "failed", code=503),
            ],
        ),
        fault=DOWN,
    ),
    "serves": Case(
        expect=Serves(at_least=10),
        keeps=[*healthy_run(), *writes(1.1, 2.9), exited(3.1), ended(3.2)],
        breaks=(
            [
                *healthy_run(),
                *writes(1.1, 2.0),
                *writes(2.0, 2.9, "failed", code=500),
                exited(3.1),
                ended(3.2),
            ],
            [*healthy_run(), *writes(1.1, 1.3), exited(3.1), ended(3.2)],
        ),
    ),
    "serves after a heal": Case(
        expect=Serves(at_least=10),
        keeps=served_again(),
        breaks=(
            served_again(outcome="failed", code=503),
            stopped_under_load(),
            without(served_again(), of(FaultHealed)),
        ),
        fault=DOWN,
    ),
    "connections": Case(
        expect=ReleasesConnections(spare=2),
        keeps=stopped_under_load(),
        breaks=(
            [
                *without(
                    stopped_under_load(),
                    lambda e: e.kind == "server_connections" and e.at_s >= 4.65,
                ),
                counted(4.65, 9),
                counted(5.0, 14),
            ],
        ),
        fault=DOWN,
    ),
    "connections that are given back late": Case(
        expect=ReleasesConnections(spare=2),
        keeps=[
            *without(
                stopped_under_load(),
                lambda e: e.kind == "server_connections" and e.at_s >= 4.65,
            ),
            counted(4.65, 9),
            counted(5.0, 14),
            counted(6.4, 4),
        ],
        breaks=(),
        fault=DOWN,
    ),
    "retries": Case(
        expect=BacksOff(connects_per_s=20.0, herd=20),
        keeps=stopped_under_load(),
        breaks=([*stopped_under_load(), *STORM],),
        fault=DOWN,
    ),
    "sampled": Case(
        expect=Sampled(probe="pay", share=0.9),
        keeps=[*good(), *own(1.0, 2.0), *own(2.0, 2.2, ok=False), *own(2.2, 4.1)],
        breaks=([*good(), *own(1.0, 2.0), *own(2.0, 3.0, ok=False), *own(3.0, 4.1)],),
    ),
    "sampled after the heal": Case(
        expect=Sampled(probe="pay", within_s=0.4),
        keeps=[*good(), *own(1.0, 2.0), *own(2.0, 3.2, ok=False), *own(3.2, 4.1)],
        breaks=(
            [*good(), *own(1.0, 2.0), *own(2.0, 3.8, ok=False), *own(3.8, 4.1)],
            [*good(), *own(1.0, 3.9), *own(3.9, 4.0, ok=False), *own(4.0, 4.1)],
        ),
    ),
    "latency": Case(
        expect=RegainsLatency(),
        keeps=stopped_under_load(),
        breaks=(
            [
                replace(e, took_s=0.1)
                if isinstance(e, Write) and e.outcome == "ok" and e.at_s > 4.0
                else e
                for e in stopped_under_load()
            ],
        ),
        fault=DOWN,
    ),
}


def killed(events: list[AnyEvent]) -> Iterator[list[AnyEvent]]:
    """The history as it stood after each event, without an end."""
    ordered = list(history_of(events).events)
    for count in range(len(ordered)):
        if count == 0 or not isinstance(ordered[count - 1], RunEnded):
            yield ordered[:count]


def interrupted(events: list[AnyEvent]) -> Iterator[list[AnyEvent]]:
    """The history of a run that was broken off at each event's time."""
    whole = without(
        events, lambda e: isinstance(e, RunEnded) or (isinstance(e, Exited) and e.asked)
    )
    for at_s in sorted({e.at_s for e in whole}):
        kept = [e for e in whole if e.at_s <= at_s]
        over_s = max(map(written_s, kept))
        boot = max(getattr(e, "boot", 1) for e in kept)
        gone = any(isinstance(e, Exited) and e.boot == boot for e in kept)
        stopped = [] if gone else [exited(over_s + 0.01, boot=boot)]
        yield [*kept, *healed_at(at_s, kept), *stopped, ended(over_s + 0.02, settled=False)]


def healed_at(at_s: float, events: list[AnyEvent]) -> Iterator[AnyEvent]:
    """The lab takes its faults away however the run ends."""
    healing = {e.fault for e in events if isinstance(e, FaultHealing)}
    for fault in {e.fault for e in events if isinstance(e, FaultInForce)} - healing:
        yield FaultHealing(at_s=at_s, fault=fault, why="the run ended")
        yield FaultHealed(at_s=at_s, fault=fault)


def test_every_expectation_has_its_runs() -> None:
    """One that is added is added here."""
    kinds = {type(case.expect) for case in CASES.values()}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_whole_runs_are_what_they_are_taken_for(case: Case) -> None:
    """One passes, the others do not."""
    assert case.outcome(case.keeps) is Outcome.PASS
    for run in case.breaks:
        assert case.outcome(run) is not Outcome.PASS


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("how", [killed, interrupted], ids=["killed", "interrupted"])
def test_no_part_of_a_good_run_fails(case: Case, how: Cuts) -> None:
    """Whatever is missing of it is not the app's fault."""
    for part in how(case.keeps):
        at_s = max((e.at_s for e in part), default=0.0)
        assert case.outcome(part) is not Outcome.FAIL, f"cut at {at_s:.3f} s"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("how", [killed, interrupted], ids=["killed", "interrupted"])
def test_no_part_of_a_bad_run_passes(case: Case, how: Cuts) -> None:
    """What would have refused it may come yet."""
    for number, run in enumerate(case.breaks):
        for part in how(run):
            at_s = max((e.at_s for e in part), default=0.0)
            assert case.outcome(part) is not Outcome.PASS, f"run {number} cut at {at_s:.3f} s"

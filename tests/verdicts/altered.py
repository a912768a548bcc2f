"""Histories that differ from the good runs in one way each."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.expectations import FailsLivenessWhenStuck
from chaoslab.history.events import (
    AnyEvent,
    BootEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FirstAnswer,
    HealthSample,
    RunEnded,
    StartupComplete,
    StopRequested,
)

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    back,
    between,
    complete,
    connection,
    ended,
    exited,
    fault,
    of,
    probed,
    sample,
    samples,
    spawned,
    without,
    write,
    writes,
)
from .histories import STOPPED, good, healthy_run, stopped_under_load
from .plans import OUTAGE, PG


def probes(code: int | None = 200, took_s: float = 0.01) -> list[AnyEvent]:
    """A healthy run until 5.0. Every path is asked, with other answers from 2.0 to 4.0."""
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
    """Writes are refused from 2.4 to 5.0, and readiness answers not ready or wrongly ready."""
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
    """A healthy run until 4.5 whose first answers are degraded."""
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


def stopping(
    end_s: float = 3.4,
    code: int = 0,
    *,
    killed_after_s: float | None = None,
    lost: bool = False,
) -> list[AnyEvent]:
    """A healthy run with a load, in which the plan sends SIGTERM at 3.0. One write is acknowledged
    after it, and is in the database unless it is `lost`.
    """
    before = writes(1.1, 3.0)
    ops = tuple(w.op for w in before)
    late = ((), ("late",)) if lost else (("late",), ())
    return [
        *healthy_run(),
        *before,
        StopRequested(at_s=3.0, app="backend", boot=1, place="boots[0].stop", grace_s=10.0),
        write(3.05, "late"),
        replace(exited(end_s, code=code, log=("closing",)), killed_after_s=killed_after_s),
        back(end_s + 0.1, *ops, *late[0], missing=late[1]),
        ended(end_s + 0.2),
    ]


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


STUCK_CLAIM = FailsLivenessWhenStuck(stuck_s=2.0, within_s=1.0, at_least=10)


def stuck(*, until_s: float = 10.5, live: int = 503, served: int = 0) -> list[AnyEvent]:
    """Postgres is stopped from 2.4 to 4.6. From 6.6 on, 2 s after the heal, no fault is near, and
    no request is served but the last `served`; liveness answers `live` from 7.0 to 8.6.
    """
    refused = writes(5.0, until_s, "failed", code=503)
    last = len(refused) - served
    again = [replace(w, outcome="ok", status_code=201) for w in refused[last:]]
    return [
        *healthy_run(until_s),
        *fault(STOPPED, 2.4, 2.45, 4.5, 4.6),
        FirstAnswer(at_s=0.9, app="backend", boot=1, status_code=200),
        *probed("live", 0.9, 7.0),
        *probed("live", 7.0, min(8.6, until_s), live),
        *probed("live", 8.6, until_s),
        *writes(1.1, 2.4),
        *refused[:last],
        *again,
        exited(until_s + 0.1),
        ended(until_s + 0.2),
    ]


def restarted_under_fault(*at_s: float) -> list[AnyEvent]:
    """The app exits, and its supervisor restarts it, at these times of the outage."""
    starts_s = (0.4, *at_s)
    ends_s = [start_s - 0.1 for start_s in at_s]
    each = [replace(spawned(s, n), restart=n > 1) for n, s in enumerate(starts_s, start=1)]
    gone = [exited(s, code=3, asked=False, boot=n) for n, s in enumerate(ends_s, start=1)]
    return [
        *fault(OUTAGE, 0.2, 0.21, 3.0, 3.02),
        *each,
        *gone,
        exited(4.2, boot=len(starts_s)),
        ended(4.25),
    ]


def recovered_by_restart(exit_s: float | None = None) -> list[AnyEvent]:
    """The good run of an app that exits under the outage, at 2.5, and whose supervisor restarts it
    0.1 s later: that process is healthy after the heal. At `exit_s` it exits too, and is not
    restarted.
    """
    kept = without(good(), lambda e: isinstance(e, HealthSample | Exited) and e.at_s >= 2.5)
    later = [replace(e, boot=2) if isinstance(e, BootEvent) and e.at_s >= 2.6 else e for e in kept]
    until_s = exit_s or 4.1
    last = exited(4.2, boot=2) if exit_s is None else exited(exit_s, code=3, asked=False, boot=2)
    return [
        *later,
        exited(2.5, code=3, asked=False),
        replace(spawned(2.6, 2), restart=True),
        *samples(2.5, 2.6, UNREACHABLE),
        *samples(2.6, 3.2, UNREACHABLE, boot=2),
        *samples(3.2, 3.4, UNHEALTHY, boot=2),
        *samples(3.4, until_s, HEALTHY, boot=2),
        last,
    ]

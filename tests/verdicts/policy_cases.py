"""Runs for the claims on what an app does without a service, whatever its policy is."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.expectations import ComesBack, Exits, HonestHealth, Unaffected, Unavailable, Waits
from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FaultHealed,
    FirstAnswer,
    HealthSample,
    LabUp,
    ReadBack,
    Request,
    RunEnded,
    Spawned,
    StartupSnapshot,
)

from .altered import died
from .case import DOWN, Case
from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    between,
    ended,
    exited,
    of,
    sample,
    samples,
    spawned,
    without,
    write,
    writes,
)
from .histories import good, stopped_under_load


def answering(*instead: HealthSample) -> list[AnyEvent]:
    """Postgres is stopped from 2.45 to 4.6 and writes fail; health answers otherwise."""
    if not instead:
        return stopped_under_load()
    start_s = min(s.at_s for s in instead)
    until_s = max(s.at_s for s in instead) + 0.04
    return [*without(stopped_under_load(), between(start_s, until_s)), *instead]


def serving_from(at_s: float, until_s: float = 6.9) -> list[AnyEvent]:
    """The same run; after the heal writes fail until `at_s`."""
    kept = without(stopped_under_load(), lambda e: isinstance(e, Request) and e.at_s >= 4.5)
    return [*kept, *writes(4.5, at_s, "failed", code=503), *writes(at_s, until_s)]


def restarting(*, times: int = 1, then: list[AnyEvent] | None = None) -> list[AnyEvent]:
    """The same run; the app exits at 2.6, is started again at 2.7, and after the heal so many
    times, each of them 0.1 s after it exits.
    """
    kept = without(
        stopped_under_load(),
        lambda e: (
            (isinstance(e, HealthSample | Request) and e.at_s >= 2.55)
            or isinstance(e, Exited | RunEnded | ReadBack)
        ),
    )
    events: list[AnyEvent] = [*kept, exited(2.6, code=1, asked=False), again(2.7, 2)]
    for n in range(times):
        end_s = 4.65 + 0.2 * n
        events += [exited(end_s, code=1, asked=False, boot=n + 2), again(end_s + 0.1, n + 3)]
    up_s, newest = 4.65 + 0.2 * times, times + 2
    events += samples(2.75, 4.6, UNREACHABLE, boot=2)
    events += writes(2.75, up_s, "indeterminate", code=None)
    if then is not None:
        return [*events, *then]
    return [
        *events,
        *samples(up_s + 0.2, 7.0, HEALTHY, boot=newest),
        *writes(up_s + 0.2, 6.9),
        exited(7.1, boot=newest),
        ended(7.15),
    ]


def again(at_s: float, boot: int) -> Spawned:
    return replace(spawned(at_s, boot), restart=True)


def unchanged() -> list[AnyEvent]:
    """Postgres is stopped, and nothing is different; no write is looked up."""
    kept = without(stopped_under_load(), of(HealthSample, Request, ReadBack))
    return [*kept, *samples(1.0, 7.0, HEALTHY), *writes(1.1, 6.9)]


def refusing(health: list[HealthSample], *, code: int = 503) -> list[AnyEvent]:
    """Postgres is stopped from 2.45 to 4.6: health answers so from 2.6 to 5.0, writes get `code`
    from 2.4 to 5.0.
    """
    kept = without(answering(*health), lambda e: isinstance(e, Request) and 2.4 <= e.at_s < 5.0)
    return [*kept, *writes(2.4, 5.0, "failed", code=code)]


def hanging(until_s: float = 5.0) -> list[AnyEvent]:
    """Postgres is stopped from 2.45 to 4.6, and from 2.6 on nothing is answered for so long."""
    kept = without(
        stopped_under_load(),
        lambda e: isinstance(e, HealthSample | Request) and 2.4 <= e.at_s < until_s,
    )
    quiet = [replace(s, took_s=0.3) for s in samples(2.6, until_s - 0.3, UNREACHABLE)[::7]]
    return [*kept, *quiet, *writes(2.4, until_s - 0.4, "indeterminate", code=None, took_s=0.4)]


def waiting(*instead: AnyEvent) -> list[AnyEvent]:
    """The outage from 0.2 to 3.0, under which an app is spawned at 0.4. It listens after it."""
    up = [Bound(at_s=3.1, app="backend", boot=1), *samples(3.15, 4.1, HEALTHY)]
    kept = without(
        good(),
        lambda e: (
            isinstance(e, Bound | FirstAnswer | HealthSample | StartupSnapshot)
            or e.kind in ("startup_complete", "ready", "request", "read_back")
        ),
    )
    return [*kept, *samples(0.45, 3.1, UNREACHABLE), *up, *instead]


def crashing(*boots: tuple[float, float, int]) -> list[AnyEvent]:
    """The outage from 0.2 to 3.0. Each boot is spawned, and exits with a code, under it."""
    events: list[AnyEvent] = [e for e in good() if isinstance(e, LabUp) or e.kind in FAULT_EVENTS]
    for n, (begun_s, end_s, code) in enumerate(boots, start=1):
        begun = spawned(begun_s, n) if n == 1 else again(begun_s, n)
        events += [begun, exited(end_s, code=code, asked=False, boot=n, log=("ECONNREFUSED",))]
    newest = len(boots) + 1
    return [
        *events,
        again(3.3, newest),
        *samples(3.4, 4.1, HEALTHY, boot=newest),
        exited(4.2, boot=newest),
        ended(4.25),
    ]


FAULT_EVENTS = ("fault_requested", "fault_in_force", "fault_healing", "fault_healed", "app_sockets")

POLICY_CASES = {
    "unavailable": Case(
        expect=Unavailable(),
        keeps=refusing(samples(2.6, 5.0, UNHEALTHY)),
        breaks=(
            refusing(samples(2.6, 5.0, HEALTHY)),
            stopped_under_load(),
            refusing([*samples(2.6, 3.6, HEALTHY), *samples(3.6, 5.0, UNHEALTHY)]),
            refusing([*samples(2.6, 4.0, UNHEALTHY), *samples(4.0, 5.0, HEALTHY)]),
            refusing([replace(s, took_s=0.6) for s in samples(2.6, 5.0, UNHEALTHY)[::14]]),
            hanging(),
            died(4.0, refusing(samples(2.6, 5.0, UNHEALTHY))),
        ),
        fault=DOWN,
    ),
    "unavailable from the boot on": Case(
        expect=Unavailable(),
        keeps=[
            *without(good(), between(2.0, 3.4)),
            *samples(2.0, 3.4, UNHEALTHY),
        ],
        breaks=(good(), waiting()),
    ),
    "waits": Case(
        expect=Waits(),
        keeps=waiting(),
        breaks=(
            waiting(sample(2.0, UNHEALTHY)),
            waiting(sample(2.0, DEGRADED)),
            died(2.0, waiting()),
            waiting(write(2.5, "answered", "failed", code=503)),
        ),
    ),
    "waits while it runs": Case(
        expect=Waits(),
        keeps=hanging(),
        breaks=(
            hanging(4.0),
            stopped_under_load(),
            died(4.0, hanging()),
            [*hanging(), write(4.0, "answered", "failed", code=503)],
        ),
        fault=DOWN,
    ),
    "exits": Case(
        expect=Exits(within_s=1.5),
        keeps=crashing((0.4, 1.4, 1), (1.6, 2.8, 1)),
        breaks=(
            crashing((0.4, 2.4, 1)),
            crashing((0.4, 1.4, 0)),
            crashing((0.4, 0.9, 1), (1.0, 2.9, 1)),
            good(),
        ),
    ),
    "exits while it runs": Case(
        expect=Exits(),
        keeps=died(4.0, stopped_under_load()),
        breaks=(stopped_under_load(),),
        fault=DOWN,
    ),
    "unaffected": Case(
        expect=Unaffected(),
        keeps=unchanged(),
        breaks=(
            stopped_under_load(),
            [*unchanged(), sample(3.02, DEGRADED)],
            [*unchanged(), replace(sample(3.02, HEALTHY), status_code=299)],
            [*unchanged(), write(3.02, "no", "failed", code=500)],
            [*unchanged(), write(3.02, "hung", "indeterminate", code=None, took_s=0.5)],
            died(4.0, unchanged()),
            without(unchanged(), of(Request)),
        ),
        fault=DOWN,
    ),
    "unaffected from the boot on": Case(
        expect=Unaffected(),
        keeps=[
            *without(good(), between(2.0, 3.4)),
            *samples(2.0, 3.4, HEALTHY),
            *writes(2.05, 3.4),
        ],
        breaks=(
            good(),
            [
                *without(good(), between(2.0, 3.4)),
                *samples(2.0, 2.5, HEALTHY),
                *samples(2.5, 3.4, DEGRADED, "redis"),
                *writes(2.05, 3.4),
            ],
            waiting(),
        ),
    ),
    "honest health": Case(
        expect=HonestHealth(),
        keeps=stopped_under_load(),
        breaks=(
            answering(*samples(2.6, 5.0, HEALTHY)),
            answering(*samples(2.6, 3.0, DEGRADED), *samples(3.0, 5.0, HEALTHY)),
            without(stopped_under_load(), lambda e: isinstance(e, Request) and e.at_s < 4.3),
            without(stopped_under_load(), between(2.4, 4.6)),
        ),
        fault=DOWN,
    ),
    "comes back": Case(
        expect=ComesBack(),
        keeps=stopped_under_load(),
        breaks=(
            answering(*samples(4.6, 7.0, UNHEALTHY)),
            serving_from(6.9),
            serving_from(6.65),
            without(stopped_under_load(), of(FaultHealed)),
            unchanged(),
        ),
        fault=DOWN,
    ),
    "comes back restarted": Case(
        expect=ComesBack(restarts_at_most=2),
        keeps=restarting(),
        breaks=(
            restarting(times=3),
            restarting(
                then=[
                    *samples(4.9, 7.0, HEALTHY, boot=3),
                    *writes(4.9, 6.9, "failed", code=500),
                    exited(7.1, boot=3),
                    ended(7.15),
                ]
            ),
            restarting(then=[exited(5.0, code=1, asked=False, boot=3), ended(7.15)]),
        ),
        fault=DOWN,
    ),
}

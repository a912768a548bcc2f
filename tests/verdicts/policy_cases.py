"""Runs for the claims on what an app does without a service, whatever its policy is."""

from __future__ import annotations

from dataclasses import replace

from chaoslab.expectations import ComesBack, HonestHealth
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    HealthSample,
    ReadBack,
    Request,
    RunEnded,
    Spawned,
)

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
    samples,
    spawned,
    without,
    writes,
)
from .histories import stopped_under_load


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


POLICY_CASES = {
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

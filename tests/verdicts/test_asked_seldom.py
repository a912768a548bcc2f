"""An app that is asked seldom: what was missing at the last answer may have come before the bound.

`health.period_s` may be longer than a bound. Where nobody asked near the bound, no verdict blames
the app, and the run waits for an answer after it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from chaoslab.expectations import Degrades, Expectation, Recovers, Starts, StaysAvailable
from chaoslab.expectations.base import Run
from chaoslab.history.events import AnyEvent, Bound, Exited, RunEnded
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.settled import unsettled

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    complete,
    ended,
    exited,
    fault,
    of,
    sample,
    spawned,
    without,
)
from .histories import healthy_run, history_of
from .plans import BOTH, OUTAGE, TOPOLOGY, plan_of
from .reading import data

UNTIL_BOUND, AT_BOUND = "health.not_asked_until_bound", "health.not_asked_at_bound"


def asked_each(period_s: float) -> Topology:
    app = TOPOLOGY.apps["backend"]
    rare = replace(app, health=replace(app.health, period_s=period_s))
    return replace(TOPOLOGY, apps={**TOPOLOGY.apps, "backend": rare})


RARE = asked_each(5.0)


def alone(events: list[AnyEvent], e: Expectation) -> Verdict:
    plan = plan_of(e)
    run = Run(topology=RARE, plan=plan, history=history_of(events)).of("backend")
    return cast("Expectation", plan.expect[0]).judged(run)


def started(*answers: AnyEvent) -> list[AnyEvent]:
    """A boot at 0.4 that listens at 0.5, must be up at 3.4, and is stopped at 6.0."""
    bound = Bound(at_s=0.5, app="backend", boot=1)
    return [spawned(0.4), bound, *answers, exited(6.0), ended(6.1)]


DENIED = started(sample(0.6, UNHEALTHY))
FIRST_DEGRADED = started(complete(0.55, DEGRADED), sample(0.6, DEGRADED))
STARTS: dict[str, tuple[Expectation, list[AnyEvent], AnyEvent]] = {
    "complete": (Starts(), DENIED, sample(5.6, UNHEALTHY)),
    "available": (StaysAvailable(), DENIED, sample(5.6, UNHEALTHY)),
    "normal": (Starts(mode="normal"), FIRST_DEGRADED, sample(5.6, DEGRADED)),
    "healthy": (StaysAvailable(), FIRST_DEGRADED, sample(5.6, DEGRADED)),
}


@pytest.mark.parametrize(("e", "events", "later"), STARTS.values(), ids=STARTS)
def test_a_start_that_nobody_asked_about_up_to_its_bound_is_unknown(
    e: Expectation, events: list[AnyEvent], later: AnyEvent
) -> None:
    """Not up at 0.6 and due at 3.4. The next request is at 5.6, or there is none."""
    verdict = alone(events, e)
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, UNTIL_BOUND) == {"last_s": 0.61, "bound_s": 3.4}
    assert alone([*events, later], e).outcome == "FAIL"


@pytest.mark.parametrize(("e", "events", "later"), STARTS.values(), ids=STARTS)
def test_the_run_waits_for_the_next_answer_of_a_start(
    e: Expectation, events: list[AnyEvent], later: AnyEvent
) -> None:
    """At 3.6 the next request is 2 s away. The run waits for it."""
    plan = replace(plan_of(e), faults=())
    known = without(events, of(Exited, RunEnded))
    assert unsettled(plan, history_of(known), 3.6, RARE) is not None
    enough = [*known, later, *(replace(later, at_s=s) for s in (5.7, 5.8))]
    assert unsettled(plan, history_of(enough), 5.9, RARE) is None


def outage(until_s: float, *answers: AnyEvent) -> list[AnyEvent]:
    """A healthy app, and an outage from 1.9 on."""
    lost = fault(OUTAGE, 1.9, 1.91, until_s, until_s + 0.02)
    return [*healthy_run(1.5), *lost, *answers, exited(18.0), ended(18.1)]


def test_a_recovery_that_nobody_asked_about_up_to_its_bound_is_unknown() -> None:
    """Degraded 0.1 s after the heal at 3.02, due at 5.02, and stopped before the next request."""
    e, events = Recovers(proved=False), outage(3.0, sample(3.1, DEGRADED, *BOTH))
    verdict = alone(events, e)
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, UNTIL_BOUND) == {"last_s": 3.11, "bound_s": 5.02}
    later = sample(8.1, DEGRADED, *BOTH)
    assert alone([*events, later], e).outcome == "FAIL"
    known = without(events, of(Exited, RunEnded))
    assert unsettled(plan_of(e), history_of(known), 6.0, RARE) == "the recovery of backend"
    assert unsettled(plan_of(e), history_of([*known, later]), 8.2, RARE) is None


def test_a_degradation_that_nobody_asked_about_up_to_its_bound_is_unknown() -> None:
    """Healthy 0.2 s after the fault and due within 1 s. The next request is at 4.0, or there is
    none.
    """
    e, first = Degrades(naming=BOTH), sample(2.1, HEALTHY)
    verdict = alone(outage(5.0, first), e)
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, UNTIL_BOUND) == {"last_s": 2.11, "bound_s": 2.91}
    assert alone(outage(5.0, first, sample(4.0, HEALTHY)), e).outcome == "FAIL"


def test_names_that_nobody_asked_for_at_the_bound_are_not_called_late() -> None:
    """One of two names at 2.1, both from 7.1 on, and due at 2.91, with no request between."""
    both = [sample(s, DEGRADED, *BOTH) for s in (7.1, 9.1, 12.1)]
    first, e = sample(2.1, DEGRADED, "postgres"), Degrades(naming=BOTH)
    verdict = alone(outage(13.0, first, *both), e)
    assert verdict.outcome == "UNKNOWN"
    assert data(verdict, AT_BOUND) == {"last_s": 2.11, "asked_s": 7.1, "bound_s": 2.91}
    late = sample(3.0, DEGRADED, "postgres")
    assert alone(outage(13.0, first, late, *both), e).outcome == "FAIL"


@pytest.mark.parametrize(("until_s", "outcome"), [(2.4, "UNKNOWN"), (3.4, "FAIL")])
def test_a_fault_that_was_over_before_the_bound_does_not_show_a_name_to_be_missing(
    until_s: float, outcome: str
) -> None:
    """One of two names after 0.5 s of the second that it has for both, or after all of it."""
    times = [1.95 + 0.1 * n for n in range(round((until_s - 1.95) / 0.1))]
    named = [sample(s, DEGRADED, "postgres") for s in times]
    assert alone(outage(until_s, *named), Degrades(naming=BOTH)).outcome == outcome


def test_a_start_that_settled_between_two_questions_is_unknown() -> None:
    """Degraded at 0.7, healthy at 5.7, due at 3.4. A later degraded answer makes it fail."""
    answers = [sample(0.7, DEGRADED), *(sample(s, HEALTHY) for s in (5.7, 5.8, 5.9))]
    events = started(complete(0.55, DEGRADED), *answers)
    verdict = alone(events, StaysAvailable())
    assert verdict.outcome == "UNKNOWN"
    assert verdict.because[0].code == AT_BOUND
    assert data(verdict, AT_BOUND) == {"last_s": 0.71, "asked_s": 5.7, "bound_s": 3.4}
    for at_s in (3.5, 5.95):
        assert alone([*events, sample(at_s, DEGRADED)], StaysAvailable()).outcome == "FAIL"

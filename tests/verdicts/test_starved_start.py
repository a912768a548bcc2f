"""A late start on a slow machine is excused by as much as the app waited for a core."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import (
    Degrades,
    Expectation,
    Starts,
    StaysAvailable,
)
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultRequested,
    RunEnded,
    StartupComplete,
)
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    between,
    complete,
    ended,
    exited,
    fault,
    of,
    samples,
    spawned,
    without,
)
from .histories import good, history_of, judged, outcomes
from .plans import BOTH, OUTAGE, TOPOLOGY, plan_of
from .starving import AVAILABLE, HEALTHY_ONLY, START_UP, lags, waits, wrong


@pytest.mark.parametrize("e", [*START_UP, Degrades(naming=BOTH)], ids=lambda e: e.kind)
def test_it_fails_on_a_machine_that_had_the_time(e: Expectation) -> None:
    """The next tests need this."""
    assert outcomes(judged(wrong(e), e)) == ["FAIL"]


@pytest.mark.parametrize("e", START_UP, ids=lambda e: e.kind)
@pytest.mark.parametrize(
    ("slow", "who"),
    [
        (waits(0.4, 3.4, 0.6), "backend waited for a core"),
        (lags(0.4, 3.4, 0.075), "the lab itself was late"),
    ],
    ids=["the app", "the lab"],
)
def test_a_start_that_lost_most_of_its_time_is_unknown(
    e: Expectation, slow: list[AnyEvent], who: str
) -> None:
    """It might have kept its deadline of three seconds."""
    (verdict,) = judged([*wrong(e), *slow], e)
    assert verdict.outcome == "UNKNOWN"
    wanted = f"{who} for 1.800 s between 0.400 and 3.400 s: slowness of the app"
    assert wanted in verdict.texts[0]
    assert verdict.texts[1] == "(the app alone would be judged FAIL)"


@pytest.mark.parametrize("e", START_UP, ids=lambda e: e.kind)
@pytest.mark.parametrize(
    "slow",
    [
        waits(0.4, 3.4, 0.15),
        lags(0.4, 3.4, 0.05),
        waits(3.9, 4.4, 1.0),
        waits(0.4, 3.4, 0.9, app="auth"),
    ],
    ids=["less than it was late", "a lab late for less", "after the start", "another app's"],
)
def test_a_start_that_had_most_of_its_time_fails(e: Expectation, slow: list[AnyEvent]) -> None:
    """A busy machine is no excuse: a sound start keeps its deadline there."""
    assert outcomes(judged([*wrong(e), *slow], e)) == ["FAIL"]


def test_a_start_that_was_late_by_no_more_than_it_waited_is_unknown() -> None:
    """Complete after 3.5 s of 3 s, of which it waited 0.45 or 0.54 s in all."""
    e = Starts(mode="degraded", within_s=3.0)
    assert outcomes(judged([*wrong(e), *waits(0.4, 3.4, 0.15)], e)) == ["FAIL"]
    (verdict,) = judged([*wrong(e), *waits(0.4, 3.4, 0.18)], e)
    assert verdict.outcome == "UNKNOWN"
    assert verdict.texts[0] == (
        "backend waited for a core for 0.540 s of the 3.500 s that it took: without that it may "
        "have kept the limit of 3 s"
    )


def test_a_start_in_the_wrong_mode_is_not_excused_by_a_wait() -> None:
    """It was in time: nothing was missed that a wait could explain."""
    e, rest = Starts(mode="degraded", within_s=3.0), without(good(), of(StartupComplete))
    healthy = [*rest, complete(2.0, HEALTHY), *waits(0.4, 3.4, 0.45)]
    assert outcomes(judged(healthy, e)) == ["FAIL"]


def ended_itself(at_s: float, *slow: AnyEvent) -> list[str]:
    """The verdict on a start that the app itself ended at that time; its own limit is 2 s."""
    e = Starts(mode="degraded", within_s=3.0)
    backend = TOPOLOGY.apps["backend"]
    limited = replace(backend, deadlines=replace(backend.deadlines, gives_up_s=2.0))
    topology = replace(TOPOLOGY, apps={**TOPOLOGY.apps, "backend": limited})
    begun = without(
        without(good(), between(min(at_s, 2.0), 9.0)), of(StartupComplete, Exited, RunEnded)
    )
    end = [exited(at_s, code=3, asked=False), *fault(OUTAGE, 0.2, 0.21, 4.0, 4.02), ended(4.3)]
    rest = without(begun, of(FaultRequested, FaultInForce))
    return outcomes(judge(topology, plan_of(e), history_of([*rest, *end, *slow])))


def test_an_end_by_a_limit_of_the_apps_own_is_unknown_where_its_waits_explain_it() -> None:
    """After 2.3 s, of which it waited 0.18 s or 0.36 s after it listened, at 0.9."""
    assert ended_itself(2.7, *waits(0.9, 2.9, 0.1)) == ["FAIL"]
    assert ended_itself(2.7, *waits(0.9, 2.9, 0.2)) == ["UNKNOWN"]


def test_a_wait_before_the_apps_own_limit_began_does_not_explain_that_it_was_missed() -> None:
    """It waited for 0.4 s before it listened: an end by a limit of 2 s would come at 2.8."""
    early = waits(0.4, 0.9, 0.8)
    assert ended_itself(2.7, *early, *waits(0.9, 2.9, 0.2)) == ["FAIL"]
    assert ended_itself(2.9, *early, *waits(0.9, 2.9, 0.2)) == ["UNKNOWN"]


def test_an_end_before_the_apps_own_limit_is_not_explained_by_that_limit() -> None:
    """Another limit may have ended it, but only if it waited for most of its 1.9 s."""
    assert ended_itself(2.3, *waits(0.4, 2.4, 0.49)) == ["FAIL"]
    assert ended_itself(2.3, *waits(0.4, 2.4, 0.51)) == ["UNKNOWN"]


def test_a_start_that_never_comes_is_watched_for_as_long_again_as_it_waited() -> None:
    """Only so can it be told from one that is late by its waits; at most twice the time."""
    plan = plan_of(Starts(within_s=3.0), faults=())
    begun = [spawned(0.4), *samples(0.45, 3.4, UNHEALTHY)]

    def waits_for(now_s: float, *slow: AnyEvent) -> str | None:
        return unsettled(plan, history_of([*begun, *slow]), now_s, TOPOLOGY)

    assert waits_for(3.45) == "the start-up of backend"
    assert waits_for(3.55) is None
    assert waits_for(4.05, *waits(0.4, 3.4, 0.2)) == "the start-up of backend"
    assert waits_for(4.15, *waits(0.4, 3.4, 0.2)) is None
    assert waits_for(6.55, *waits(0.4, 9.4, 1.0)) is None


def test_a_start_that_had_its_time_besides_fails_however_much_it_lost() -> None:
    """Complete after 3.5 s: of a deadline of 1.5 s it lost 0.9, and it had 2.6 besides."""
    e = Starts(mode="degraded", within_s=1.5)
    assert outcomes(judged([*wrong(e), *waits(0.4, 1.9, 0.6)], e)) == ["FAIL"]
    assert outcomes(judged([*wrong(e), *waits(0.4, 3.4, 0.9)], e)) == ["UNKNOWN"]


def unstarted(*, complete_s: float | None = None) -> list[AnyEvent]:
    """A start that outlasts its deadline of 3.4, and the fault, which ends at 3.5."""
    rest = without(
        good(),
        of(
            Exited,
            RunEnded,
            StartupComplete,
            FaultRequested,
            FaultInForce,
            FaultHealing,
            FaultHealed,
        ),
    )
    rest = [*without(rest, between(2.0, 4.1)), *fault(OUTAGE, 0.2, 0.21, 3.5, 3.52)]
    unhealthy = samples(2.0, 3.9, UNHEALTHY)
    late = [] if complete_s is None else [complete(complete_s, HEALTHY)]
    return [*rest, *unhealthy, *late, *samples(3.9, 4.1, HEALTHY), exited(4.2), ended(4.25)]


STARVED_START = [waits(0.4, 3.4, 0.6), lags(0.4, 3.4, 0.075)]


@pytest.mark.parametrize("slow", STARVED_START, ids=["the app", "the lab"])
def test_a_starved_start_may_have_ended_degraded_for_want_of_a_core(slow: list[AnyEvent]) -> None:
    """A try missed its own limit; what health says afterwards follows from it."""
    assert outcomes(judged([*good(), *slow], HEALTHY_ONLY)) == ["UNKNOWN"]


@pytest.mark.parametrize("slow", STARVED_START, ids=["the app", "the lab"])
@pytest.mark.parametrize("complete_s", [None, 3.9], ids=["never", "after the fault"])
def test_a_starved_start_that_outlasts_the_fault_tells_nothing_of_degradation(
    slow: list[AnyEvent], complete_s: float | None
) -> None:
    """The fault ends when the app should have started."""
    events, e = unstarted(complete_s=complete_s), Degrades(naming=BOTH)
    assert outcomes(judged(events, e)) == ["FAIL"]
    assert outcomes(judged([*events, *slow], e)) == ["UNKNOWN"]


@pytest.mark.parametrize("slow", STARVED_START, ids=["the app", "the lab"])
@pytest.mark.parametrize("e", [HEALTHY_ONLY, AVAILABLE], ids=["healthy", "available"])
def test_a_starved_start_that_never_ended_may_have_wanted_more_time(
    slow: list[AnyEvent], e: StaysAvailable
) -> None:
    """As the verdict on the boot has it."""
    assert outcomes(judged(unstarted(), e)) == ["FAIL"]
    assert outcomes(judged([*unstarted(), *slow], e)) == ["UNKNOWN"]


def settles_at(at_s: float) -> list[AnyEvent]:
    """A boot at 0.4 that is degraded from 1.0 on and healthy only then; its bound is 3.4 s."""
    return [
        spawned(0.4),
        complete(1.0, DEGRADED),
        *samples(1.0, at_s, DEGRADED, *BOTH),
        *samples(at_s, at_s + 1.0, HEALTHY),
        exited(at_s + 1.0),
        ended(at_s + 1.1),
    ]


@pytest.mark.parametrize(("at_s", "outcome"), [(3.5, "UNKNOWN"), (3.9, "FAIL")])
def test_a_start_that_settles_late_is_excused_by_its_waits(at_s: float, outcome: str) -> None:
    """It waited for 0.3 s of its time, and was healthy 0.11 s too late, or 0.51 s."""
    events = [*settles_at(at_s), *waits(1.0, 2.5, 0.2)]
    both = (Starts(mode="normal"), StaysAvailable())
    assert outcomes(judged(events, *both, faults=())) == [outcome, outcome]


def test_the_run_waits_for_a_start_that_settles_late_by_its_waits() -> None:
    """At 3.55, past the bound, and within the 0.3 s that it waited for a core."""
    events = [*settles_at(3.9), *waits(1.0, 2.5, 0.2)]
    known = [e for e in events if e.at_s < 3.5]
    for e in (Starts(mode="normal"), StaysAvailable()):
        plan = replace(plan_of(e), faults=())
        assert unsettled(plan, history_of(known), 3.55, TOPOLOGY) == "backend to be healthy"
        assert unsettled(plan, history_of(known), 3.85, TOPOLOGY) is None

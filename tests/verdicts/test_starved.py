"""A failure that a starved machine may have made is unknown; one that it cannot have made stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import (
    Degrades,
    Expectation,
    FailsFast,
    KeepsAcknowledged,
    NoRestarts,
    Recovers,
    RefusesHonestly,
    Starts,
    StaysAvailable,
)
from chaoslab.history.events import (
    AnyEvent,
    AppStarved,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultRequested,
    LabLag,
    RunEnded,
    Spawned,
    StartupComplete,
)
from chaoslab.model.plan import Boot
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.judge import judge
from chaoslab.verdicts.settled import unsettled

from .histories import (
    BOTH,
    DEGRADED,
    HEALTHY,
    OUTAGE,
    TOPOLOGY,
    UNHEALTHY,
    UNREACHABLE,
    back,
    between,
    complete,
    ended,
    exited,
    fault,
    good,
    history_of,
    judged,
    of,
    outcomes,
    plan_of,
    sample,
    samples,
    spawned,
    without,
    write,
)


def waits(start_s: float, end_s: float, fraction: float, app: str = "backend") -> list[AnyEvent]:
    """Looks at an app each half second, each of which shows it waiting for that fraction."""
    count = round((end_s - start_s) / 0.5)
    return [
        AppStarved(
            at_s=start_s + 0.5 * (n + 1), app=app, boot=1, waited_s=0.5 * fraction, over_s=0.5
        )
        for n in range(count)
    ]


def lags(start_s: float, end_s: float, late_s: float, every_s: float = 0.125) -> list[AnyEvent]:
    """A lab whose loop wakes so late again and again, never by half a second."""
    count = round((end_s - start_s) / every_s)
    return [LabLag(at_s=start_s + every_s * (n + 1), late_s=late_s) for n in range(count)]


def wrong(e: Expectation) -> list[AnyEvent]:
    """The good run, bent so that exactly this expectation fails."""
    match e:
        case Starts():
            return [*without(good(), of(type(complete(0.0, DEGRADED)))), complete(3.9, DEGRADED)]
        case Degrades():
            unnamed = (sample(2.0 + 0.05 * n, DEGRADED) for n in range(28))
            return [*without(good(), between(2.0, 3.4)), *unnamed]
        case KeepsAcknowledged():
            return [*good(), write(3.6, "gone"), back(4.16, missing=("gone",))]
        case RefusesHonestly():
            return [*good(), write(3.6, "rude", "indeterminate", code=500, took_s=0.6)]
        case _:
            return good()


START_UP = [Starts(mode="degraded", within_s=3.0), FailsFast(naming=("postgres",), within_s=3.0)]


@pytest.mark.parametrize("e", [*START_UP, Degrades(naming=BOTH)], ids=lambda e: e.kind)
def test_it_fails_on_a_machine_that_had_the_time(e: Expectation) -> None:
    """What follows rests on it."""
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


def test_an_end_before_the_apps_own_limit_fails_however_much_it_waited() -> None:
    """It was not the limit that ended it: a defect ends with the same exit status."""
    assert ended_itself(2.3, *waits(0.4, 2.4, 0.5)) == ["FAIL"]


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


def test_a_recovery_that_was_late_by_no_more_than_it_waited_is_unknown() -> None:
    """Healed at 3.02, healthy from 3.4 on, of 0.3 s."""
    e = Recovers(within_s=0.3)
    assert outcomes(judged([*good(), *waits(2.9, 3.4, 0.1)], e)) == ["FAIL"]
    assert outcomes(judged([*good(), *waits(2.9, 3.4, 0.25)], e)) == ["UNKNOWN"]


def test_a_proof_that_was_late_by_no_more_than_it_waited_is_unknown() -> None:
    """Healthy at 3.41, and acknowledged at 4.04; of 1 s it would have been, at 3.94."""
    late = write(4.02, "proof-1", purpose="proof")
    events = [*without(good(), lambda e: e.kind == "write"), late]
    e = Recovers(within_s=1.0)
    assert outcomes(judged(events, e)) == ["FAIL"]
    assert outcomes(judged([*events, *waits(3.0, 4.0, 0.1)], e)) == ["UNKNOWN"]
    assert outcomes(judged([*events, *waits(3.0, 4.0, 0.01)], e)) == ["FAIL"]


def test_a_start_that_had_its_time_besides_fails_however_much_it_lost() -> None:
    """Complete after 3.5 s: of a deadline of 1.5 s it lost 0.9, and it had 2.6 besides."""
    e = Starts(mode="degraded", within_s=1.5)
    assert outcomes(judged([*wrong(e), *waits(0.4, 1.9, 0.6)], e)) == ["FAIL"]
    assert outcomes(judged([*wrong(e), *waits(0.4, 3.4, 0.9)], e)) == ["UNKNOWN"]


def test_a_recovery_that_had_its_time_besides_fails_however_much_it_lost() -> None:
    """Healed at 3.0, healthy from 3.4 on: of 0.2 s it lost 0.15, or all of the time."""
    e = Recovers(within_s=0.2)
    assert outcomes(judged([*good(), *lags(3.0, 3.25, 0.075)], e)) == ["FAIL"]
    assert outcomes(judged([*good(), *waits(3.0, 3.5, 0.7)], e)) == ["UNKNOWN"]


def test_a_degradation_is_given_its_time_from_the_start_ups_end_on() -> None:
    """Complete at 2.0, and a second to name what is lost: what was slow before is no reason."""
    e = Degrades(naming=BOTH)
    assert outcomes(judged([*wrong(e), *waits(2.0, 3.0, 0.6)], e)) == ["UNKNOWN"]
    assert outcomes(judged([*wrong(e), *lags(2.0, 3.0, 0.075)], e)) == ["UNKNOWN"]
    assert outcomes(judged([*wrong(e), *waits(0.5, 2.0, 1.0)], e)) == ["FAIL"]


MUTE = [sample(2.4 + 0.5 * n, UNREACHABLE, took_s=1.0) for n in range(3)]
AVAILABLE = StaysAvailable(healthy=False)
HEALTHY_ONLY = StaysAvailable(healthy=True)


def mute() -> list[AnyEvent]:
    """The good run, but health was given up three times between 2.4 and 4.4."""
    return [*without(good(), between(2.4, 3.9)), *MUTE]


def test_silences_fail_on_a_machine_that_had_the_time() -> None:
    """What follows rests on it."""
    assert outcomes(judged(mute(), AVAILABLE)) == ["FAIL"]


@pytest.mark.parametrize(
    "slow", [waits(2.4, 4.4, 0.6), lags(2.4, 4.4, 0.075)], ids=["the app", "the lab"]
)
def test_what_came_late_in_a_starved_stretch_is_unknown(slow: list[AnyEvent]) -> None:
    """An answer may have been late for want of a core, the app's or the lab's."""
    (verdict,) = judged([*mute(), *slow], AVAILABLE)
    assert verdict.outcome == "UNKNOWN"
    assert "cannot be distinguished from this machine's" in verdict.texts[0]


@pytest.mark.parametrize(
    "slow",
    [
        waits(2.4, 4.4, 0.45),
        lags(2.4, 4.4, 0.05),
        waits(2.4, 2.9, 1.0),
        waits(0.4, 1.9, 1.0),
        lags(0.4, 1.9, 0.12),
        waits(2.4, 4.4, 0.9, app="auth"),
    ],
    ids=["less than half", "a lab late for less", "briefly", "earlier", "earlier lags", "another"],
)
def test_a_smaller_an_earlier_or_anothers_wait_excuses_nothing(slow: list[AnyEvent]) -> None:
    """A false UNKNOWN would let a defect through."""
    assert outcomes(judged([*mute(), *slow], AVAILABLE)) == ["FAIL"]


def test_an_answer_that_came_in_time_is_the_apps_own_however_starved_it_was() -> None:
    """Degraded, said within ten milliseconds after a healthy start, where only healthy will do."""
    slow = [*waits(2.0, 4.4, 0.9), *lags(2.0, 4.4, 0.12)]
    events = [*without(good(), of(StartupComplete)), complete(2.0, HEALTHY)]
    assert outcomes(judged([*events, *slow], HEALTHY_ONLY)) == ["FAIL"]


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


def test_one_silence_in_a_sound_stretch_is_enough() -> None:
    """The other ones are excused, and it is not."""
    early = [*mute(), sample(2.15, UNREACHABLE, took_s=1.0)]
    slow = waits(3.2, 4.7, 0.9)
    assert outcomes(judged([*early, *slow], AVAILABLE)) == ["FAIL"]


def supervised(*waits_of: list[AnyEvent]) -> list[Verdict]:
    """Two boots that end by themselves after a second each, and a third that stays."""
    boots = [spawned(0.4), exited(1.4, code=3, asked=False)]
    boots += [spawned(1.5, boot=2), exited(2.5, code=3, asked=False, boot=2)]
    boots += [spawned(2.6, boot=3), exited(9.0, boot=3), ended(9.1)]
    again = [replace(s, restart=s.boot > 1) if isinstance(s, Spawned) else s for s in boots]
    e = NoRestarts(app="backend", rests_on=())
    plan = replace(plan_of(e), boots=(Boot(app="backend", restarts=2),), faults=())
    events = history_of([*again, *(wait for each in waits_of for wait in each)])
    return list(judge(TOPOLOGY, plan, events))


def test_a_restart_is_excused_only_where_its_boot_was_starved() -> None:
    """Both boots were, or one had its time: that one is one too many."""
    first = waits(0.4, 2.4, 0.9)
    second = [replace(wait, boot=2) for wait in waits(1.5, 3.5, 0.9) if wait.kind == "app_starved"]
    assert outcomes(supervised()) == ["FAIL"]
    assert outcomes(supervised(first)) == ["FAIL"]
    assert outcomes(supervised(first, [*second])) == ["UNKNOWN"]


@pytest.mark.parametrize("e", [KeepsAcknowledged(), RefusesHonestly()], ids=lambda e: e.kind)
def test_what_was_acknowledged_must_be_kept_however_slow_the_app_is(e: Expectation) -> None:
    """And so must the words of a refusal: no want of a core makes a 503 a 500."""
    slow = [*waits(0.4, 4.4, 1.0), *lags(0.4, 4.4, 0.12)]
    assert outcomes(judged([*wrong(e), *slow], e)) == ["FAIL"]


def test_a_starved_run_that_passes_has_passed() -> None:
    """It did in time what it had to do, and all of it was seen."""
    usual = (Starts(mode="degraded"), Degrades(naming=BOTH), Recovers())
    slow = [*waits(0.4, 4.4, 0.9), *lags(0.4, 4.4, 0.12)]
    assert outcomes(judged([*good(), *slow], *usual)) == ["PASS"] * 3


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


def slow_start(*later: AnyEvent, ends: AnyEvent) -> list[AnyEvent]:
    """Complete 0.2 s past its bound of 3.4 s, for 0.3 s of which it waited; healthy until 10.0."""
    events = [spawned(0.4), complete(3.6, HEALTHY), *samples(3.6, 10.0, HEALTHY), *later]
    return [*events, *waits(0.4, 3.4, 0.1), ends, ended(12.0)]


def test_a_slow_start_excuses_nothing_that_would_have_failed_in_its_longer_time_too() -> None:
    """A relapse and a crash 6 s after it are no lateness; the lateness itself is excused."""
    relapse = slow_start(
        *samples(10.0, 10.5, DEGRADED), *samples(10.5, 11.9, HEALTHY), ends=exited(11.9)
    )
    crash = slow_start(ends=exited(10.1, code=1, asked=False))
    late = Starts(mode="normal")
    told = judged(relapse, late, StaysAvailable(), faults=())
    assert outcomes(told) == ["UNKNOWN", "FAIL"]
    told = judged(crash, StaysAvailable(), NoRestarts(), faults=())
    assert outcomes(told) == ["FAIL", "FAIL"]


def test_a_recovery_that_is_late_by_its_waits_does_not_excuse_the_end_of_the_process() -> None:
    """Healthy 0.09 s too late after 0.3 s of waiting: that is excused, and dead at 7.0 is not."""
    kept = without(good(), lambda e: isinstance(e, Exited | RunEnded) or between(3.0, 9.0)(e))
    late = [*kept, *samples(3.0, 5.1, DEGRADED, *BOTH), *samples(5.1, 7.0, HEALTHY)]
    late += [write(5.15, "w", purpose="proof"), back(5.3, "w"), *waits(3.5, 5.0, 0.2)]
    late = without(late, lambda e: getattr(e, "op", "") == "proof-1")
    alive = [*late, exited(7.0), ended(7.1)]
    dead = [*late, exited(7.0, code=1, asked=False), ended(7.1)]
    assert outcomes(judged(alive, Recovers())) == ["UNKNOWN"]
    assert outcomes(judged(dead, Recovers())) == ["FAIL"]

"""A failure that a slow machine may have caused is UNKNOWN. Another failure is FAIL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import (
    Degrades,
    Expectation,
    KeepsAcknowledged,
    NoRestarts,
    Recovers,
    RefusesHonestly,
    Starts,
    StaysAvailable,
)
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    RunEnded,
    Spawned,
    StartupComplete,
)
from chaoslab.model.plan import Boot
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.judge import judge

from .events import (
    DEGRADED,
    HEALTHY,
    UNREACHABLE,
    back,
    between,
    complete,
    ended,
    exited,
    of,
    sample,
    samples,
    spawned,
    without,
    write,
)
from .histories import good, history_of, judged, outcomes
from .plans import BOTH, TOPOLOGY, plan_of
from .starving import AVAILABLE, HEALTHY_ONLY, lags, waits, wrong


def test_a_recovery_that_was_late_by_no_more_than_it_waited_is_unknown() -> None:
    """Healed at 3.02, healthy from 3.4 on, of 0.3 s."""
    e = Recovers(within_s=0.3)
    assert outcomes(judged([*good(), *waits(2.9, 3.4, 0.1)], e)) == ["FAIL"]
    assert outcomes(judged([*good(), *waits(2.9, 3.4, 0.25)], e)) == ["UNKNOWN"]


def test_a_proof_that_was_late_by_no_more_than_it_waited_is_unknown() -> None:
    """Healthy at 3.41, and acknowledged at 4.04; of 1 s it would have been, at 3.94."""
    late = write(4.02, "proof-1", purpose="proof")
    events = [*without(good(), lambda e: e.kind == "request"), late]
    e = Recovers(within_s=1.0)
    assert outcomes(judged(events, e)) == ["FAIL"]
    assert outcomes(judged([*events, *waits(3.0, 4.0, 0.1)], e)) == ["UNKNOWN"]
    assert outcomes(judged([*events, *waits(3.0, 4.0, 0.01)], e)) == ["FAIL"]


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


def unanswered() -> list[AnyEvent]:
    """The good run, but health gave no answer three times between 2.4 and 4.4."""
    return [*without(good(), between(2.4, 3.9)), *MUTE]


def test_silences_fail_on_a_machine_that_had_the_time() -> None:
    """The next tests need this."""
    assert outcomes(judged(unanswered(), AVAILABLE)) == ["FAIL"]


@pytest.mark.parametrize(
    "slow", [waits(2.4, 4.4, 0.6), lags(2.4, 4.4, 0.075)], ids=["the app", "the lab"]
)
def test_what_came_late_in_a_starved_stretch_is_unknown(slow: list[AnyEvent]) -> None:
    """An answer may have been late for want of a core, the app's or the lab's."""
    (verdict,) = judged([*unanswered(), *slow], AVAILABLE)
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
    assert outcomes(judged([*unanswered(), *slow], AVAILABLE)) == ["FAIL"]


def test_an_answer_that_came_in_time_is_the_apps_own_however_starved_it_was() -> None:
    """Degraded, said within ten milliseconds after a healthy start, where only healthy will do."""
    slow = [*waits(2.0, 4.4, 0.9), *lags(2.0, 4.4, 0.12)]
    events = [*without(good(), of(StartupComplete)), complete(2.0, HEALTHY)]
    assert outcomes(judged([*events, *slow], HEALTHY_ONLY)) == ["FAIL"]


def test_one_silence_in_a_sound_stretch_is_enough() -> None:
    """The other ones are excused, and it is not."""
    early = [*unanswered(), sample(2.15, UNREACHABLE, took_s=1.0)]
    slow = waits(3.2, 4.7, 0.9)
    assert outcomes(judged([*early, *slow], AVAILABLE)) == ["FAIL"]


def supervised(*waits_of: list[AnyEvent]) -> list[Verdict]:
    """Two boots that end by themselves after a second each, and a third that stays."""
    boots = [spawned(0.4), exited(1.4, code=3, asked=False)]
    boots += [spawned(1.5, boot=2), exited(2.5, code=3, asked=False, boot=2)]
    boots += [spawned(2.6, boot=3), exited(9.0, boot=3), ended(9.1)]
    again = [replace(s, restart=s.boot > 1) if isinstance(s, Spawned) else s for s in boots]
    e = NoRestarts(app="backend", rests_on=())
    boot = Boot(app="backend", supervisor=Supervisor(at_most=2, backoff_s=0))
    plan = replace(plan_of(e), boots=(boot,), faults=())
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

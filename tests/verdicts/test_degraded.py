"""Degradation: in time, with the right names, until the end of the fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import Degrades, StaysAvailable
from chaoslab.history.events import AnyEvent, FaultInForce, HealthSample, StartupComplete
from chaoslab.model.health import HealthState
from chaoslab.model.load import Sampling
from chaoslab.model.plan import Plan
from chaoslab.model.verdict import Verdict

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    between,
    complete,
    ended,
    exited,
    fault,
    of,
    sample,
    samples,
    without,
)
from .histories import good, healthy_run, run_of
from .plans import BOTH, OUTAGE, SAMPLING
from .reading import codes, data


def degraded(
    events: list[AnyEvent], naming: tuple[str, ...] = BOTH, sampling: Sampling | None = None
) -> Verdict:
    e = Degrades(naming=naming, app="backend", within_s=1.0, fault=OUTAGE)
    return e.judged(run_of(events, Plan(sampling=sampling or SAMPLING)))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def held(*instead: HealthSample, start_s: float = 2.0, end_s: float = 3.4) -> list[AnyEvent]:
    """The good run with other samples in this part."""
    return [*without(good(), between(start_s, end_s)), *instead]


def test_degraded_in_time_and_to_the_end_passes() -> None:
    """Degraded at once, both named, twenty answers until the heal."""
    verdict = degraded(good())
    assert verdict.outcome == "PASS"
    assert "19 answers" in why(verdict) or "20 answers" in why(verdict)


@pytest.mark.parametrize(
    "named", [("postgres",), ("redis",), (), ("postgres", "redis", "search")], ids=str
)
def test_the_wrong_too_few_and_too_many_names_fail(named: tuple[str, ...]) -> None:
    """Exactly the lost dependencies are to be named."""
    words = {name: "down" if name in named else "up" for name in (*BOTH, "search")}
    events = held(*(replace(s, dependencies=words) for s in samples(2.0, 3.4, DEGRADED)))
    assert degraded(events).outcome == "FAIL"


def test_a_name_that_comes_later_but_in_time_passes() -> None:
    """An app that finds its second loss 0.5 s after the first is honest within 1 s."""
    events = held(
        *samples(2.0, 2.5, DEGRADED, "redis"), *samples(2.5, 3.4, DEGRADED, "postgres", "redis")
    )
    assert degraded(events).outcome == "PASS"


def test_a_name_that_comes_too_late_fails() -> None:
    """The right names at the end do not help where they came after the bound."""
    lost = fault(OUTAGE, 0.2, 0.21, 4.0, 4.02)
    events = [
        *without(good(), lambda e: getattr(e, "fault", "") == OUTAGE),
        *lost,
    ]
    events = without(events, between(2.0, 9.0))
    events += [*samples(2.0, 3.2, DEGRADED, "redis"), *samples(3.2, 4.1, DEGRADED, *BOTH)]
    verdict = degraded(events)
    assert (verdict.outcome, codes(verdict)[1]) == ("FAIL", "health.named_late")


def test_a_name_that_is_dropped_on_the_way_fails() -> None:
    """The names are right at first and at the end, but not between."""
    events = held(
        *samples(2.0, 2.4, DEGRADED, *BOTH),
        *samples(2.4, 2.5, DEGRADED, "redis"),
        *samples(2.5, 3.4, DEGRADED, *BOTH),
    )
    verdict = degraded(events)
    named = data(verdict, "health.named")
    assert (verdict.outcome, named["names"], named["expected"]) == ("FAIL", ("redis",), BOTH)


def test_a_word_that_the_contract_does_not_know_is_unknown() -> None:
    """`banana` means neither lost nor healthy."""
    words = {"postgres": "banana", "redis": "down"}
    events = held(*(replace(s, dependencies=words) for s in samples(2.0, 3.4, DEGRADED)))
    verdict = degraded(events)
    strange = {"words": ("banana",), "app": "backend"}
    assert (verdict.outcome, data(verdict, "health.unknown_words")) == ("UNKNOWN", strange)


@pytest.mark.parametrize("state", [HEALTHY, UNHEALTHY, UNREACHABLE])
def test_one_other_answer_while_the_fault_holds_fails(state: HealthState) -> None:
    """Health that flips between two samples does not stay degraded."""
    assert degraded([*good(), sample(2.52, state)]).outcome == "FAIL"


def test_an_answer_asked_for_before_the_app_turned_is_no_flip() -> None:
    """The request was sent at 2.01 and answered late with the old state."""
    events = [*good(), sample(2.001, HEALTHY, took_s=0.3)]
    assert degraded(events).outcome == "PASS"


def test_one_slow_degraded_answer_is_no_failure() -> None:
    """0.4 s for one of twenty answers."""
    assert degraded([*good(), sample(2.52, DEGRADED, *BOTH, took_s=0.4)]).outcome == "PASS"


def test_a_sample_that_says_starting_while_the_first_good_answer_is_under_way_is_no_failure() -> (
    None
):
    """Start-up ends when the first good answer comes, not when its request is sent."""
    events = without(good(), of(StartupComplete))
    events = [
        *without(events, between(1.9, 2.3)),
        sample(1.9, DEGRADED, *BOTH, took_s=0.3),
        sample(1.95, UNHEALTHY),
        *samples(2.25, 2.3, DEGRADED, *BOTH),
        complete(2.2, DEGRADED),
    ]
    assert degraded(events).outcome == "PASS"


def test_a_sample_in_flight_at_the_heal_is_not_counted() -> None:
    """Sent before the heal, answered healthy after it."""
    assert degraded([*good(), sample(2.98, HEALTHY, took_s=0.3)]).outcome == "PASS"


def test_an_app_that_stops_answering_before_the_heal_does_not_pass() -> None:
    """Its requests are still open at the heal, and no answer came for 0.7 s."""
    hung = [replace(s, took_s=1.0) for s in samples(2.3, 3.0, UNREACHABLE)]
    verdict = degraded([*held(start_s=2.3, end_s=3.0), *hung])
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "health.silent_before_heal")


def test_a_slow_cadence_has_longer_pauses_by_its_nature() -> None:
    """With a sample each 0.3 s a pause of 0.2 s before the heal is normal."""
    few = [sample(at_s, DEGRADED, *BOTH) for at_s in (2.0, 2.2, 2.4)]
    assert degraded(held(*few)).outcome == "PASS"
    assert degraded(held(*few[:2], sample(2.2, DEGRADED, *BOTH))).outcome != "PASS"
    two = [sample(at_s, DEGRADED, *BOTH) for at_s in (2.0, 2.05, 2.1)]
    assert degraded(held(*two)).outcome == "UNKNOWN"
    assert degraded(held(*two), sampling=Sampling(cadence_s=0.3)).outcome == "PASS"


def test_health_that_never_turns_fails_and_one_without_the_time_to_turn_is_unknown() -> None:
    """The bound is 1 s. With 1 s of fault left it fails, with half a second it is UNKNOWN."""
    blind = samples(2.0, 3.4, HEALTHY)
    assert degraded(held(*blind)).outcome == "FAIL"
    late = [replace(e, at_s=2.5) if isinstance(e, StartupComplete) else e for e in held(*blind)]
    late = [*without(late, between(2.0, 2.5)), *samples(2.0, 2.5, UNHEALTHY)]
    assert degraded(late).outcome == "UNKNOWN"


def test_degraded_after_the_bound_fails() -> None:
    """1.2 s where 1 s was allowed."""
    long = [
        *without(good(), lambda e: getattr(e, "fault", "") == OUTAGE),
        *fault(OUTAGE, 0.2, 0.21, 4.0, 4.02),
    ]
    events = without(long, between(2.0, 9.0))
    events += [*samples(2.0, 3.2, HEALTHY), *samples(3.2, 4.0, DEGRADED, *BOTH)]
    assert degraded(events).outcome == "FAIL"


def test_too_few_answers_are_unknown() -> None:
    """Two answers do not show that the state lasts."""
    two = [sample(2.7, DEGRADED, *BOTH), sample(2.9, DEGRADED, *BOTH)]
    assert degraded(held(*two)).outcome == "UNKNOWN"


def test_a_fault_during_which_nobody_asked_is_unknown() -> None:
    """No request was sent during the whole fault."""
    silent = without(held(), between(2.0, 9.0))
    assert degraded([*silent, *samples(3.4, 4.1, HEALTHY)]).outcome == "UNKNOWN"


def test_a_fault_that_was_never_seen_is_unknown() -> None:
    """No canary saw it in force."""
    assert degraded(without(good(), of(FaultInForce))).outcome == "UNKNOWN"


def test_a_process_that_ends_under_the_fault_fails() -> None:
    """Also where it ends between the last sample and the heal."""
    events = [*without(good(), lambda e: e.kind == "exited"), exited(2.995, code=1, asked=False)]
    assert degraded(events).outcome == "FAIL"


def test_a_start_that_outlasts_the_fault_fails_only_if_its_own_time_was_up() -> None:
    """The app may take 3 s to start. A fault that ends after 2.6 s leaves no time to degrade."""
    slow = without(good(), of(StartupComplete))
    slow = [
        *without(slow, between(2.0, 3.4)),
        *samples(2.0, 3.4, UNHEALTHY),
        complete(3.4, HEALTHY),
    ]
    assert degraded(slow).outcome == "UNKNOWN"
    longer = [
        *without(slow, lambda e: getattr(e, "fault", "") == OUTAGE),
        *fault(OUTAGE, 0.2, 0.21, 3.41, 3.43),
    ]
    longer = [e for e in longer if not (isinstance(e, HealthSample) and e.at_s >= 3.4)]
    longer = [*without(longer, of(StartupComplete)), complete(3.5, HEALTHY)]
    assert degraded(longer).outcome == "FAIL"


def hidden(*instead: HealthSample) -> Verdict:
    """The reasons of a run in which health answers this instead of degraded."""
    known = samples(1.5, 2.0, UNHEALTHY)
    verdict = degraded([*held(*instead), *known])
    assert verdict.outcome == "FAIL"
    return verdict


BLIND = "health.blind"


def test_health_that_names_no_loss_is_reported_as_blind() -> None:
    """It names its dependencies as up, or names none."""
    assert BLIND in codes(hidden(*samples(2.0, 3.4, HEALTHY)))
    constant = [replace(s, dependencies={}) for s in samples(2.0, 3.4, HEALTHY)]
    unanswered = [
        replace(e, dependencies={}) if isinstance(e, HealthSample) else e for e in held(*constant)
    ]
    verdict = degraded(unanswered)
    assert (verdict.outcome, BLIND in codes(verdict)) == ("FAIL", True)


def test_health_that_contradicts_itself_is_reported_with_the_names() -> None:
    """It names dependencies as lost, and the app as healthy."""
    told = hidden(*samples(2.0, 3.4, HEALTHY, *BOTH))
    assert data(told, "health.contradicted") == {"names": BOTH}
    assert BLIND not in codes(told)


def test_a_check_that_is_dropped_differs_from_one_that_is_blind() -> None:
    """Answers before the fault mention the dependency, later answers do not."""
    rest = {"redis": "up"}
    told = hidden(*(replace(s, dependencies=rest) for s in samples(2.0, 3.4, HEALTHY)))
    assert data(told, "health.no_longer_named") == {"names": ("postgres",)}
    assert BLIND not in codes(told)
    lost = {"redis": "down"}
    told = hidden(*(replace(s, dependencies=lost) for s in samples(2.0, 3.4, DEGRADED)))
    assert data(told, "health.named")["names"] == ("redis",)
    assert data(told, "health.no_longer_named") == {"names": ("postgres",)}


def test_health_that_turns_back_is_reported() -> None:
    """Degraded first, then healthy while the fault is in force."""
    told = hidden(*samples(2.0, 2.5, DEGRADED, *BOTH), *samples(2.5, 3.4, HEALTHY))
    assert codes(told)[0] == "health.not_degraded_throughout"
    assert BLIND not in codes(told)


def test_health_that_hangs_is_reported_with_how_long_the_lab_waited() -> None:
    """No answer in time differs from a wrong answer and from a refused connection."""
    told = hidden(sample(2.0, UNREACHABLE, took_s=0.8))
    assert told.texts[0] == "health gave no answer within 0.8 s, asked at 2.000 s"
    refused = hidden(replace(sample(2.0, UNREACHABLE), error="ConnectError: refused"))
    assert data(refused, "health.unreachable") == {"at_s": 2.0, "error": "ConnectError: refused"}


def test_a_run_that_ends_before_the_heal_is_unknown() -> None:
    """It has to stay degraded until then."""
    cut = without(good(), lambda e: e.at_s >= 2.9)
    verdict = degraded([*cut, ended(2.9, settled=False)])
    assert (verdict.outcome, codes(verdict)[0]) == ("UNKNOWN", "run.cut_short_before_heal")


def available(events: list[AnyEvent], *, healthy: bool = True) -> Verdict:
    e = StaysAvailable(app="backend", healthy=healthy)
    return e.judged(run_of(events))


def steady() -> list[AnyEvent]:
    return [*healthy_run(), exited(3.1), ended(3.2)]


def test_an_app_that_answers_healthy_throughout_stays_available() -> None:
    """Forty answers, all healthy."""
    assert available(steady()).outcome == "PASS"


@pytest.mark.parametrize(
    ("state", "healthy", "outcome"),
    [
        (DEGRADED, True, "FAIL"),
        (DEGRADED, False, "PASS"),
        (UNHEALTHY, False, "FAIL"),
        (UNREACHABLE, False, "FAIL"),
    ],
)
def test_slow_is_not_dead(state: HealthState, healthy: bool, outcome: str) -> None:
    """One answer other than healthy fails, unless degraded is allowed."""
    assert available([*steady(), sample(2.02, state)], healthy=healthy).outcome == outcome


def test_an_app_that_dies_after_its_last_good_answer_was_not_available() -> None:
    """There is no sample after its exit, and it fails all the same."""
    events = [*healthy_run(), exited(3.05, code=1, asked=False), ended(3.1)]
    assert available(events).outcome == "FAIL"


def test_samples_under_way_when_the_lab_stopped_the_app_are_no_failure() -> None:
    """They had no answer because the lab stopped the app."""
    late = [sample(3.02, UNREACHABLE, took_s=0.2), sample(3.15, UNREACHABLE)]
    assert available([*steady(), *late]).outcome == "PASS"
    assert available([*steady(), sample(3.02, UNREACHABLE, took_s=0.05)]).outcome == "FAIL"


def test_what_nobody_watched_is_unknown() -> None:
    """A pause of a second, too few requests, or an interrupted run."""
    assert available(without(steady(), between(1.5, 2.5))).outcome == "UNKNOWN"
    assert available(without(steady(), between(1.1, 9.0))).outcome == "UNKNOWN"
    cut = [*without(steady(), lambda e: e.kind == "run_ended"), ended(3.2, settled=False)]
    assert available(cut).outcome == "UNKNOWN"
    assert available(without(cut, lambda e: e.kind == "run_ended")).outcome == "UNKNOWN"


def test_an_app_that_never_started_was_not_available() -> None:
    """Within the 3 s that it may take to start it is UNKNOWN."""
    never = without(steady(), lambda e: isinstance(e, StartupComplete) or e.at_s > 3.0)
    assert available([*never, ended(3.5)]).outcome == "FAIL"
    assert available([*never, ended(3.3)]).outcome == "UNKNOWN"
    assert available([*never, exited(3.3), ended(3.5)]).outcome == "UNKNOWN"
    assert available([ended(3.5)]).outcome == "UNKNOWN"


def test_a_bound_that_passed_between_two_questions_is_not_called_late() -> None:
    """Healthy at 2.5, degraded at 3.4 and due at 3.0, with no request between."""
    long = [
        *without(good(), lambda e: getattr(e, "fault", "") == OUTAGE),
        *fault(OUTAGE, 0.2, 0.21, 4.0, 4.02),
    ]
    rare = [*without(long, between(2.0, 9.0)), sample(2.0, HEALTHY), sample(2.5, HEALTHY)]
    rare += samples(3.4, 4.0, DEGRADED, *BOTH)
    verdict = degraded(rare)
    assert verdict.outcome == "UNKNOWN"
    unasked = {"last_s": 2.51, "asked_s": 3.4, "bound_s": 3.0}
    assert data(verdict, "health.not_asked_at_bound") == unasked
    assert degraded([*rare, sample(3.05, HEALTHY)]).outcome == "FAIL"


@pytest.mark.parametrize(("waited_s", "outcome"), [(0.3, "PASS"), (0.6, "UNKNOWN")])
def test_a_question_that_is_under_way_at_the_heal_may_not_have_waited_for_long(
    waited_s: float, outcome: str
) -> None:
    """It is the only open request: the next one is sent after it is over."""
    open_s = 3.0 - waited_s
    hung = sample(open_s, UNREACHABLE, took_s=1.0)
    verdict = degraded(held(*samples(2.0, open_s, DEGRADED, *BOTH), hung))
    assert verdict.outcome == outcome

"""What an app does while a service is being stopped, and started again, counts under the fault.

Postgres is requested to stop at 2.4 and is down from 3.0; its start takes from 4.5 to 5.2. Bounds
count from 3.0, when the fault is in force.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from chaoslab.expectations import (
    AnswersRequests,
    ComesBack,
    Degrades,
    Exits,
    Expectation,
    RestartsSlowly,
    Unaffected,
    Unavailable,
    Waits,
)
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultRequested,
    HealthSample,
    ProcessExited,
    Request,
    RunEnded,
)
from chaoslab.model.verdict import Verdict

from .case import DOWN
from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    between,
    ended,
    exited,
    fault,
    of,
    samples,
    without,
    write,
)
from .histories import STOPPED, judged
from .policy_cases import again, answering, hanging, refusing, unchanged

FAULT_EVENTS = of(FaultRequested, FaultInForce, FaultHealing, FaultHealed)
LOST = "FATAL: terminating connection"


def slowly(events: Iterable[AnyEvent], *more: AnyEvent) -> list[AnyEvent]:
    """The events with a stop and a start of Postgres that take long."""
    return [*without(events, FAULT_EVENTS), *fault(STOPPED, 2.4, 3.0, 4.5, 5.2), *more]


def verdict(events: list[AnyEvent], expect: Expectation) -> Verdict:
    return judged(events, expect, faults=(DOWN,))[0]


def found(events: list[AnyEvent], expect: Expectation) -> tuple[str, str]:
    """The outcome, and the code of the first reason."""
    seen = verdict(events, expect)
    return seen.outcome.value, seen.because[0].code


def restarted(at_s: float, events: list[AnyEvent]) -> list[AnyEvent]:
    """The app exits then, and its supervisor has it up again 0.2 s later."""
    quiet = between(at_s, at_s + 0.2)
    later = [
        replace(e, boot=2) if getattr(e, "boot", 0) == 1 and e.at_s > at_s else e
        for e in without(events, quiet)
    ]
    gone = exited(at_s, code=1, asked=False, log=(LOST,))
    return [*later, gone, again(at_s + 0.1, 2)]


AROUND_S = (2.5, 4.9)  # while Postgres is being stopped, and while it is started again
CLAIMS: dict[str, tuple[Expectation, list[AnyEvent]]] = {
    "unaffected": (Unaffected(), unchanged()),
    "unavailable": (Unavailable(within_s=1.0), refusing(samples(2.6, 5.0, UNHEALTHY))),
    "waits": (Waits(within_s=0.5), hanging()),
    "degrades": (Degrades(within_s=1.0), answering()),
}


@pytest.mark.parametrize("at_s", AROUND_S)
@pytest.mark.parametrize("kind", CLAIMS)
def test_an_exit_then_is_one_under_the_fault(kind: str, at_s: float) -> None:
    """Also if the app is up again before Postgres is down."""
    expect, events = CLAIMS[kind]
    assert verdict(slowly(events), expect).outcome == "PASS"
    assert found(slowly(restarted(at_s, events)), expect) == ("FAIL", "app.exited")


def test_an_exit_of_an_app_that_stays_down_is_judged_too() -> None:
    """No process ran while Postgres was down."""
    gone = [e for e in unchanged() if e.at_s < 2.5]
    events = slowly(gone, exited(2.5, code=1, asked=False, log=(LOST,)), ended(7.15))
    assert found(events, Unaffected()) == ("FAIL", "app.exited")
    assert found(events, Exits()) == ("PASS", "exit.under_fault")


@pytest.mark.parametrize("at_s", AROUND_S)
def test_an_exit_then_keeps_the_policy_exit(at_s: float) -> None:
    """Its time counts from when Postgres was down."""
    seen = verdict(slowly(restarted(at_s, unchanged())), Exits(within_s=2.5))
    assert seen.outcome == "PASS"
    assert seen.because[0].data["after_s"] == pytest.approx(max(0.0, at_s - 3.0))
    times = next(why for why in seen.because if why.code == "exit.times")
    assert times.data["count"] == 1


def test_an_exit_during_the_start_may_come_too_late() -> None:
    """The bound counts from when Postgres was down."""
    events = slowly(restarted(4.9, unchanged()))
    assert verdict(events, Exits(within_s=1.0)).outcome == "FAIL"


def test_a_boot_that_the_plan_ended_before_the_service_was_down_is_not_under_the_fault() -> None:
    """Nothing of the app was there under the fault."""
    stopped = exited(2.6, asked=True)
    events = slowly([e for e in unchanged() if e.at_s < 2.6], stopped, ended(7.15))
    assert found(events, Unaffected()) == ("UNKNOWN", "fault.no_boot_under_it")


@pytest.mark.parametrize("at_s", [2.38, 2.5, 2.98, 4.48, 4.9])
def test_one_request_that_fails_then_is_no_good_answer(at_s: float) -> None:
    """Also one that was open when the stop was requested, when it was over, or when the start
    began.
    """
    bad = write(at_s, "bad", "failed", code=500, took_s=0.05)
    assert found(slowly(unchanged(), bad), Unaffected()) == ("FAIL", "unaffected.not_served")
    good = write(at_s, "good", took_s=0.05)
    assert verdict(slowly(unchanged(), good), Unaffected()).outcome == "PASS"


@pytest.mark.parametrize("start_s", [2.5, 4.6])
def test_health_that_changes_only_then_has_changed(start_s: float) -> None:
    """For half a second."""
    other = samples(start_s, start_s + 0.4, UNHEALTHY)
    events = [*without(unchanged(), between(start_s, start_s + 0.4)), *other]
    assert found(slowly(events), Unaffected()) == ("FAIL", "unaffected.changed")


def test_answers_during_the_stop_and_the_start_do_not_show_that_nothing_changes() -> None:
    """Nobody asked while Postgres was down."""
    events = without(unchanged(), between(2.9, 4.5))
    assert found(slowly(events), Unaffected())[0] == "UNKNOWN"
    quiet = without(unchanged(), lambda e: e.kind == "request" and 2.9 <= e.at_s < 4.5)
    assert found(slowly(quiet), Unaffected()) == ("UNKNOWN", "unaffected.few_requests")


def test_a_bound_does_not_count_the_time_in_which_the_service_is_being_stopped() -> None:
    """Health is healthy until 3.5, half a second after Postgres is down."""
    events = refusing([*samples(2.6, 3.5, HEALTHY), *samples(3.5, 5.0, UNHEALTHY)])
    assert verdict(slowly(events), Unavailable(within_s=0.6)).outcome == "PASS"


def test_an_app_that_serves_again_during_the_start_keeps_its_policy() -> None:
    """From 4.6 on, when Postgres answers; the heal is over at 5.2."""
    well = samples(4.6, 5.0, HEALTHY)
    unavailable = refusing([*samples(2.6, 4.6, UNHEALTHY), *well])
    assert verdict(slowly(unavailable), Unavailable(within_s=1.0)).outcome == "PASS"
    degraded = answering(*samples(2.6, 4.6, DEGRADED, "postgres"), *well)
    assert verdict(slowly(degraded), Degrades(within_s=1.0)).outcome == "PASS"
    assert verdict(slowly(hanging(4.6)), Waits(within_s=0.5)).outcome == "PASS"


def test_a_worker_that_exits_then_is_an_exit_under_the_fault() -> None:
    """As an exit of the app."""
    gone = ProcessExited(
        at_s=2.5, app="backend", process="w", start=1, exit_code=1, asked=False, log_tail=()
    )
    assert found(slowly(unchanged(), gone), Unaffected()) == ("FAIL", "process.exited")


@pytest.mark.parametrize("start_s", [2.6, 4.6])
def test_an_error_of_health_then_is_no_degraded_state(start_s: float) -> None:
    """A 503 for a moment takes the app out of service."""
    until_s = start_s + 0.2
    rest = without(answering(), between(start_s, until_s))
    events = slowly([*rest, *samples(start_s, until_s, UNHEALTHY)])
    assert found(events, Degrades(within_s=1.0)) == ("FAIL", "health.answered")


@pytest.mark.parametrize("at_s", [2.5, 4.6])
def test_a_request_that_hangs_only_then_has_no_answer_in_time(at_s: float) -> None:
    """The others are answered."""
    hung = write(at_s, "hung", "indeterminate", code=None, took_s=0.3)
    claim = AnswersRequests(within_s=0.2, at_least=5)
    assert verdict(slowly(unchanged()), claim).outcome == "PASS"
    assert found(slowly(unchanged(), hung), claim)[0] == "FAIL"


def test_restarts_during_the_stop_and_the_start_are_counted() -> None:
    """Three, within a second."""
    for begun_s in (2.45, 4.6):
        events = without(unchanged(), of(HealthSample, Request, Exited, RunEnded))
        for n in range(3):
            events.append(exited(begun_s + 0.2 * n, code=1, asked=False, boot=n + 1))
            events.append(again(begun_s + 0.2 * n + 0.1, n + 2))
        events += [*samples(5.2, 7.0, HEALTHY, boot=4), exited(7.1, boot=4), ended(7.15)]
        seen = found(slowly(events), RestartsSlowly(at_most=2, window_s=1.0))
        assert seen == ("FAIL", "supervisor.restarts_under_fault")


def test_an_exit_during_the_start_shows_that_the_app_came_back() -> None:
    """Health and requests were as before until then, and are so again after the heal."""
    events = slowly(restarted(4.9, unchanged()))
    rest = without(events, lambda e: e.kind in ("health_sample", "request") and 4.9 <= e.at_s < 5.3)
    back = verdict([*rest, *samples(5.0, 5.2, UNREACHABLE, boot=2)], ComesBack())
    assert back.outcome == "PASS", [str(why) for why in back.because]
    assert "back.was_not_as_before" in [why.code for why in back.because]
    assert verdict(slowly(unchanged()), ComesBack()).outcome == "UNKNOWN"

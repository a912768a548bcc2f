"""An app that is as before after a heal, by itself or restarted, and when that is not shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import ComesBack
from chaoslab.history.events import (
    AnyEvent,
    LinkConnection,
    ReadBack,
    Request,
    RunEnded,
    Spawned,
)
from chaoslab.model.verdict import Verdict

from .case import DOWN, OUT
from .events import HEALTHY, UNHEALTHY, between, ended, exited, of, samples, without, writes
from .histories import good, judged, outage, outage_evidence, stopped_under_load
from .policy_cases import answering, restarting, serving_from, unchanged


def verdict(events: list[AnyEvent], expect: ComesBack | None = None) -> Verdict:
    return judged(events, expect or ComesBack(), faults=(DOWN,))[0]


def codes(found: Verdict) -> list[str]:
    return [reason.code for reason in found.because]


def test_it_says_how_long_each_kind_of_answer_took() -> None:
    """Health and the request, and that no restart was needed."""
    found = verdict(stopped_under_load())
    assert found.outcome == "PASS"
    back = {r.data["what"]: r.data["after_s"] for r in found.because if r.code == "back.as_before"}
    assert back == {"health": pytest.approx(0.41), "write": pytest.approx(0.42)}
    restarts = next(r for r in found.because if r.code == "back.restarts")
    assert dict(restarts.data) == {"restarts": 0, "under": 0}


def test_restarts_are_counted_under_the_faults_and_after_the_heal() -> None:
    """A restart that leads to an app that serves is a return, with its count."""
    found = verdict(restarting())
    assert found.outcome == "PASS"
    restarts = next(r for r in found.because if r.code == "back.restarts")
    assert dict(restarts.data) == {"restarts": 1, "under": 1}


def test_restarts_of_an_app_that_ran_before_the_lab_are_not_observed() -> None:
    """Neither the claim nor a reason says that there was none."""
    events = [
        replace(e, standing=True) if isinstance(e, Spawned) else e for e in stopped_under_load()
    ]
    found = verdict(events)
    assert found.outcome == "PASS"
    assert found.claim.endswith("of the heal (a restart of it is not observed)")
    assert "back.restarts" not in codes(found)


def test_a_restart_alone_is_no_return() -> None:
    """The new process runs and is healthy, and refuses every request."""
    refuses = [*samples(4.9, 7.0, HEALTHY, boot=3), *writes(4.9, 6.9, "failed", code=500)]
    found = verdict(restarting(then=[*refuses, exited(7.1, boot=3), ended(7.15)]))
    assert found.outcome == "FAIL"
    why = next(r for r in found.because if r.code == "back.not_as_before")
    assert why.data["what"] == "write"


def test_an_app_that_nothing_starts_again_does_not_come_back() -> None:
    """A manual restart is required, and the plan has none."""
    found = verdict(restarting(then=[exited(5.0, code=1, asked=False, boot=3), ended(7.15)]))
    assert found.outcome == "FAIL"
    assert "back.not_restarted" in codes(found)


def test_a_return_after_the_bound_is_late() -> None:
    """The bound is 2 s after the heal at 4.6 s."""
    assert verdict(serving_from(6.55)).outcome == "PASS"
    found = verdict(serving_from(6.65))
    assert found.outcome == "FAIL"
    why = next(r for r in found.because if r.code == "back.late")
    assert why.data["late_s"] == pytest.approx(0.07)


def test_two_good_answers_are_not_enough() -> None:
    """The run ended after the second."""
    few = without(stopped_under_load(), lambda e: isinstance(e, Request) and 5.1 <= e.at_s < 7.0)
    found = verdict(few)
    assert found.outcome == "UNKNOWN"
    assert codes(found)[0] == "back.few_answers"


def test_an_app_that_never_changed_is_not_shown_to_have_come_back() -> None:
    """It may never use its link again: an app that always answers OK would pass."""
    found = verdict(unchanged())
    assert found.outcome == "UNKNOWN"
    assert codes(found)[0] == "back.way_not_shown"


@pytest.mark.parametrize(
    ("opened_s", "answered_s", "closed_s", "shown"),
    [
        (5.0, 5.1, 5.2, True),
        (1.0, 5.1, None, True),
        (1.0, 5.1, 5.11, False),
        (1.0, 4.0, None, False),
        (5.0, None, None, False),
    ],
)
def test_an_answer_of_the_service_after_the_heal_shows_the_way_back(
    opened_s: float, answered_s: float | None, closed_s: float | None, shown: bool
) -> None:
    """On a new connection or an old one, but not the farewell of one that the app closes."""
    last = next(e for e in unchanged() if isinstance(e, LinkConnection) and not e.fault)
    used = replace(last, connection=99, opened_s=opened_s, answered_s=answered_s, closed_s=closed_s)
    assert (verdict([*unchanged(), used]).outcome == "PASS") is shown


def test_a_write_that_is_found_in_the_service_shows_the_way_back() -> None:
    """The look was after the heal, past every proxy."""
    look = ReadBack(
        at_s=7.05, app="backend", service="postgres", found=("w6.00",), missing=(), repeated={}
    )
    found = verdict([*unchanged(), look])
    assert (found.outcome, "back.write_found" in codes(found)) == ("PASS", True)


def test_health_is_compared_with_its_own_status_before_the_fault() -> None:
    """Another status of the same state is not as before."""
    other = [replace(s, status_code=299) for s in samples(5.0, 7.0, HEALTHY)]
    assert verdict(answering(*other)).outcome == "FAIL"


def test_an_app_that_started_under_the_fault_must_be_healthy() -> None:
    """There is no answer from before to compare with."""
    assert judged(good(), ComesBack(), faults=(OUT,))[0].outcome == "UNKNOWN"  # no load after it
    served = [*without(good(), of(RunEnded)), *writes(3.45, 4.0), ended(4.25)]
    assert judged(served, ComesBack(), faults=(OUT,))[0].outcome == "PASS"
    sick = [
        *without([*outage(), *outage_evidence()], between(3.4, 9.0)),
        *samples(3.4, 5.6, UNHEALTHY),
        *writes(3.45, 5.5),
    ]
    sick = [*without(sick, lambda e: e.kind in ("run_ended", "exited")), exited(5.7), ended(5.8)]
    assert judged(sick, ComesBack(), faults=(OUT,))[0].outcome == "FAIL"


def test_a_request_that_never_worked_cannot_come_back() -> None:
    """It failed before the fault as well."""
    never = [
        replace(e, outcome="failed", status_code=404) if isinstance(e, Request) else e
        for e in stopped_under_load()
    ]
    found = verdict(never)
    assert (found.outcome, codes(found)[0]) == ("UNKNOWN", "back.request_never_good")


def test_a_later_state_counts_and_not_only_the_first_good_answers() -> None:
    """Healthy for a second after the heal, and unhealthy from then on."""
    again = [*samples(5.0, 5.8, HEALTHY), *samples(5.8, 7.0, UNHEALTHY)]
    found = verdict(answering(*again))
    assert found.outcome == "FAIL"

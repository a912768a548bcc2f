"""A start may answer degraded first and healthy later, until its deadline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab.expectations import Starts, StaysAvailable
from chaoslab.history.events import AnyEvent, Bound, HealthSample
from chaoslab.model.verdict import Verdict
from chaoslab.verdicts.settled import unsettled

from .events import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    between,
    complete,
    ended,
    exited,
    ready,
    sample,
    samples,
    spawned,
    without,
    written_s,
)
from .histories import history_of, run_of
from .plans import BOTH, TOPOLOGY, plan_of
from .reading import data

CONTRACT = TOPOLOGY.apps["backend"].health


def settles(*answers: HealthSample, until_s: float = 4.0) -> list[AnyEvent]:
    """A boot at 0.4 that is complete and degraded at 1.0, and then answers this until the end."""
    return [
        spawned(0.4),
        Bound(at_s=0.8, app="backend", boot=1),
        complete(1.0, DEGRADED),
        *answers,
        exited(until_s),
        ended(until_s + 0.1),
    ]


def first_degraded(until_s: float = 4.0) -> list[AnyEvent]:
    """Degraded for its first 0.3 s, then healthy to the end."""
    early, later = samples(1.0, 1.3, DEGRADED, *BOTH), samples(1.3, until_s, HEALTHY)
    return settles(*early, *later, until_s=until_s)


def started(events: list[AnyEvent], **changed: object) -> Verdict:
    expected = {"app": "backend", "within_s": 3.0, "mode": "normal"} | changed
    return Starts(**expected).judged(run_of(events))  # type: ignore[arg-type]


def available(events: list[AnyEvent], *, healthy: bool = True) -> Verdict:
    e = StaysAvailable(app="backend", healthy=healthy)
    return e.judged(run_of(events))


def why(verdict: Verdict) -> str:
    return "\n".join(verdict.texts)


def rounded(verdict: Verdict) -> dict[str, object]:
    """The states on the way, and when, in milliseconds' precision."""
    turns = data(verdict, "start.states")
    return {**turns, "after_s": tuple(round(after_s, 3) for after_s in turns["after_s"])}


def test_a_start_that_is_degraded_first_and_healthy_in_time_is_normal() -> None:
    """What it answered on the way is reported, in seconds after the spawn."""
    verdict = started(first_degraded())
    assert verdict.outcome == "PASS"
    assert rounded(verdict) == {"states": ("degraded", "healthy"), "after_s": (0.6, 0.91)}
    assert "answered degraded at 0.600 s, healthy at 0.910 s after the spawn" in why(verdict)


@pytest.mark.parametrize(("within_s", "outcome"), [(0.92, "PASS"), (0.9, "FAIL")])
def test_the_deadline_holds_for_the_answer_that_was_asked_for(
    within_s: float, outcome: str
) -> None:
    """Healthy 0.91 s after the spawn; its degraded answer at 0.6 s does not count."""
    verdict = started(first_degraded(), within_s=within_s)
    assert verdict.outcome == outcome
    late = [why.data["late_s"] for why in verdict.because if why.code == "bound.missed"]
    assert late == ([pytest.approx(0.01)] if outcome == "FAIL" else [])


def test_a_start_that_never_becomes_healthy_fails() -> None:
    """Degraded to its deadline, 3.4 s, and beyond."""
    verdict = started(settles(*samples(1.0, 4.0, DEGRADED, *BOTH)))
    assert verdict.outcome == "FAIL"
    other = {"state": "degraded", "expected": ("healthy",)}
    assert data(verdict, "start.other_state") == other


def test_every_turn_on_the_way_is_reported() -> None:
    """Also where it could not be reached, or said unhealthy, in between."""
    turns = [*samples(1.0, 1.2, DEGRADED), *samples(1.2, 1.4, UNHEALTHY)]
    verdict = started(settles(*turns, *samples(1.4, 4.0, HEALTHY)))
    states = {
        "states": ("degraded", "unhealthy", "healthy"),
        "after_s": (0.6, 0.81, 1.01),
    }
    assert (verdict.outcome, rounded(verdict)) == ("PASS", states)


def test_a_run_that_ended_before_the_deadline_does_not_know() -> None:
    """Stopped at 2.0 s, or with nobody who asked from 1.5 s on: it may have become healthy."""
    degraded = samples(1.0, 2.0, DEGRADED, *BOTH)
    assert started(settles(*degraded, until_s=2.0)).outcome == "UNKNOWN"
    verdict = started(settles(*samples(1.0, 1.5, DEGRADED, *BOTH)))
    pause = {"start_s": 1.46, "end_s": 3.4}
    assert (verdict.outcome, data(verdict, "health.not_asked")) == ("UNKNOWN", pause)


def test_healthy_first_is_no_degraded_start() -> None:
    """Users were sent to it by then; that it says degraded later does not take that back."""
    turned = [*samples(1.0, 1.2, HEALTHY), *samples(1.2, 4.0, DEGRADED, *BOTH)]
    events = [replace(e, state=HEALTHY) if e.kind == "startup_complete" else e for e in settles()]
    verdict = started([*events, *turned], mode="degraded")
    assert verdict.outcome == "FAIL"
    other = {"state": "healthy", "expected": ("degraded",)}
    assert data(verdict, "start.other_state") == other


def test_a_degraded_start_stays_one_when_it_is_healthy_later() -> None:
    """The first answer was the one that was asked for."""
    assert started(first_degraded(), mode="degraded").outcome == "PASS"
    assert started(first_degraded(), mode=None).outcome == "PASS"


def waits(events: list[AnyEvent], at_s: float, e: Starts | StaysAvailable) -> str | None:
    known = [x for x in events if written_s(x) <= at_s and x.kind not in ("exited", "run_ended")]
    return unsettled(replace(plan_of(e), faults=()), history_of(known), at_s, TOPOLOGY)


def test_the_run_waits_until_the_start_is_as_asked_or_its_deadline() -> None:
    """For the healthy answer and readiness; without it for the 3 s of the start and a little."""
    events = [*first_degraded(), ready(1.35)]
    assert waits(events, 1.25, Starts(mode="normal")) == "backend to be healthy"
    assert waits(events, 1.32, Starts(mode="normal")) == "backend to be ready"
    assert waits(events, 1.4, Starts(mode="normal")) is None
    never = settles(*samples(1.0, 4.0, DEGRADED, *BOTH))
    assert waits(never, 3.4, Starts(mode="normal")) == "backend to be healthy"
    assert waits(never, 3.6, Starts(mode="normal")) is None
    assert waits(never, 1.2, Starts(mode="degraded")) is None


def test_an_app_that_settles_in_time_stays_available_from_then_on() -> None:
    """Degraded answers before its first healthy one are reported, and none after it is allowed."""
    verdict = available(first_degraded())
    turned = {"degraded_s": 1.0, "healthy_s": 1.31}
    assert (verdict.outcome, data(verdict, "health.settled")) == ("PASS", turned)
    assert available([*first_degraded(), sample(2.02, DEGRADED)]).outcome == "FAIL"
    assert available([*first_degraded(), sample(1.12, UNHEALTHY)]).outcome == "FAIL"


def test_an_app_that_settles_too_late_or_never_was_not_healthy() -> None:
    """Its start may take 3 s, up to 3.4 s; a run that ended before that does not know."""
    late = [*samples(1.0, 3.5, DEGRADED), *samples(3.5, 5.0, HEALTHY)]
    assert available(settles(*late, until_s=5.0)).outcome == "FAIL"
    assert available(settles(*samples(1.0, 4.0, DEGRADED))).outcome == "FAIL"
    assert available(settles(*samples(1.0, 2.0, DEGRADED), until_s=2.0)).outcome == "UNKNOWN"
    assert available(settles(*samples(1.0, 4.0, DEGRADED)), healthy=False).outcome == "PASS"


def test_the_run_waits_until_it_is_healthy_for_a_while() -> None:
    """Three answers from the first healthy one on, or the time of the start."""
    e = StaysAvailable()
    assert waits(first_degraded(), 1.3, e) == "backend to be healthy"
    assert waits(first_degraded(), 1.35, e) == "3 health answers of backend"
    assert waits(first_degraded(), 1.45, e) is None
    never = settles(*samples(1.0, 4.0, DEGRADED))
    assert waits(never, 3.4, e) == "backend to be healthy"
    assert waits(never, 3.6, e) is None


def test_a_start_without_a_sample_between_has_its_first_and_last_answer() -> None:
    """The boot probe saw degraded; health's own samples saw healthy alone."""
    verdict = started(without(first_degraded(), between(1.0, 1.3)))
    assert rounded(verdict) == {"states": ("degraded", "healthy"), "after_s": (0.6, 0.91)}


def healthy_first(*answers: HealthSample, until_s: float = 4.0) -> list[AnyEvent]:
    """A boot at 0.4 whose first good answer is healthy, at 1.0, and that then answers this."""
    events = settles(*answers, until_s=until_s)
    return [replace(e, state=HEALTHY) if e.kind == "startup_complete" else e for e in events]


@pytest.mark.parametrize("until_s", [2.0, 4.0])
def test_an_app_that_was_healthy_first_has_nothing_left_to_settle(until_s: float) -> None:
    """Users were sent to it at 1.0: degraded until 1.9 is a relapse, also in its time to start."""
    relapse = [*samples(1.05, 1.9, DEGRADED, *BOTH), *samples(1.9, until_s, HEALTHY)]
    verdict = available(healthy_first(*relapse, until_s=until_s))
    answer = data(verdict, "health.answered")
    assert (verdict.outcome, answer["at_s"], answer["state"]) == ("FAIL", 1.05, "degraded")

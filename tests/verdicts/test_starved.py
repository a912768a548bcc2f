"""A failure that a starved machine may have made is unknown; one that it cannot have made stays."""

from __future__ import annotations

import pytest

from chaoslab.history.events import AnyEvent, AppStarved, LabLag
from chaoslab.spec.expect import (
    Degrades,
    Expectation,
    FailsFast,
    KeepsAcknowledged,
    Recovers,
    Starts,
    StaysAvailable,
)

from .histories import (
    BOTH,
    DEGRADED,
    between,
    complete,
    good,
    judged,
    of,
    outcomes,
    sample,
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
            return [*good(), write(3.6, "rude", "indeterminate", code=500)]
        case _:
            return good()


START_UP = [Starts(mode="degraded", within_s=3.0), FailsFast(naming=("postgres",), within_s=3.0)]
LATER = [Degrades(naming=BOTH), StaysAvailable()]


@pytest.mark.parametrize("e", [*START_UP, *LATER], ids=lambda e: e.kind)
def test_it_fails_on_a_machine_that_had_the_time(e: Expectation) -> None:
    """What follows rests on it."""
    assert outcomes(judged(wrong(e), e)) == ["FAIL"]


@pytest.mark.parametrize("e", START_UP, ids=lambda e: e.kind)
def test_a_start_that_waited_for_most_of_its_time_is_unknown(e: Expectation) -> None:
    """It might have kept its deadline of three seconds."""
    (verdict,) = judged([*wrong(e), *waits(0.4, 3.4, 0.6)], e)
    assert verdict.outcome == "UNKNOWN"
    assert "backend waited 1.800 s for a core between 0.400 and 3.400 s" in verdict.because[0]
    assert verdict.because[1] == "(the app alone would be judged FAIL)"


@pytest.mark.parametrize("e", START_UP, ids=lambda e: e.kind)
def test_a_start_that_waited_for_less_than_half_of_its_time_fails(e: Expectation) -> None:
    """A busy machine is no excuse: a sound start keeps its deadline there."""
    assert outcomes(judged([*wrong(e), *waits(0.4, 3.4, 0.45)], e)) == ["FAIL"]


@pytest.mark.parametrize("e", START_UP, ids=lambda e: e.kind)
def test_a_wait_after_the_deadline_excuses_no_start(e: Expectation) -> None:
    """It was too late by then."""
    assert outcomes(judged([*wrong(e), *waits(3.4, 4.4, 1.0)], e)) == ["FAIL"]


@pytest.mark.parametrize("e", LATER, ids=lambda e: e.kind)
@pytest.mark.parametrize(
    "slow", [waits(2.0, 3.5, 0.6), lags(2.0, 3.5, 0.075)], ids=["the app", "the lab"]
)
def test_a_starved_stretch_makes_a_later_failure_unknown(
    e: Expectation, slow: list[AnyEvent]
) -> None:
    """An answer may have been late for want of a core, the app's or the lab's."""
    (verdict,) = judged([*wrong(e), *slow], e)
    assert verdict.outcome == "UNKNOWN"
    assert "its slowness cannot be told from this machine's" in verdict.because[0]


@pytest.mark.parametrize("e", LATER, ids=lambda e: e.kind)
@pytest.mark.parametrize(
    "slow",
    [
        waits(2.0, 3.5, 0.4),
        lags(2.0, 3.5, 0.05),
        waits(2.0, 2.5, 1.0),
        waits(0.4, 0.9, 1.0),
        lags(0.1, 0.9, 0.12),
        waits(2.0, 3.5, 0.9, app="auth"),
    ],
    ids=["less than half", "a lab late for less", "briefly", "earlier", "earlier lags", "another"],
)
def test_a_smaller_or_other_wait_excuses_nothing(e: Expectation, slow: list[AnyEvent]) -> None:
    """A false UNKNOWN would let a defect through."""
    assert outcomes(judged([*wrong(e), *slow], e)) == ["FAIL"]


def test_what_was_acknowledged_must_be_kept_however_slow_the_app_is() -> None:
    """And so must the words of a refusal: no want of a core makes a 503 a 500."""
    e = KeepsAcknowledged(at_least=1)
    slow = [*waits(0.4, 4.4, 1.0), *lags(0.4, 4.4, 0.12)]
    assert outcomes(judged([*wrong(e), *slow], e)) == ["FAIL"]


def test_a_starved_run_that_passes_has_passed() -> None:
    """It did in time what it had to do, and all of it was seen."""
    usual = (Starts(mode="degraded"), Degrades(naming=BOTH), Recovers())
    slow = [*waits(0.4, 4.4, 0.9), *lags(0.4, 4.4, 0.12)]
    assert outcomes(judged([*good(), *slow], *usual)) == ["PASS"] * 3

"""An exit of an app that waited for a core for most of its life is UNKNOWN. Another is FAIL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import Stopped
from chaoslab.expectations import (
    BacksOff,
    Degrades,
    Expectation,
    FailsFast,
    FirstRequestServed,
    NoRestarts,
    Recovers,
    Starts,
    StaysAvailable,
)
from chaoslab.history.events import AnyEvent, Bound, FirstAnswer

from .events import (
    HEALTHY,
    UNHEALTHY,
    UNREACHABLE,
    canary,
    complete,
    connection,
    ended,
    exited,
    fault,
    samples,
    sockets,
    spawned,
    without,
    write,
)
from .histories import STOPPED, judged, outcomes, stopped_under_load
from .plans import BOTH, OUTAGE, PG, REDIS
from .starving import lags, waits

UNDER_THE_FAULT, AFTER_THE_HEAL = 3.0, 1.9  # when the heal begins; the process exits at 2.4
EXITS = [
    pytest.param(Starts(mode="degraded", within_s=3.0), UNDER_THE_FAULT, id="starts"),
    pytest.param(Degrades(naming=BOTH), UNDER_THE_FAULT, id="degrades"),
    pytest.param(StaysAvailable(healthy=True), UNDER_THE_FAULT, id="stays healthy"),
    pytest.param(StaysAvailable(healthy=False), UNDER_THE_FAULT, id="stays available"),
    pytest.param(NoRestarts(), UNDER_THE_FAULT, id="no restarts"),
    pytest.param(Recovers(), AFTER_THE_HEAL, id="recovers"),
    pytest.param(FirstRequestServed(fault=OUTAGE), AFTER_THE_HEAL, id="first request"),
]


def gone(healing_s: float = UNDER_THE_FAULT) -> list[AnyEvent]:
    """A start at 0.4 that fails in its phases: the process exits by itself with 3 at 2.4."""
    return [
        *fault(OUTAGE, 0.2, 0.21, healing_s, healing_s + 0.02),
        canary(0.31, PG),
        canary(0.31, REDIS),
        spawned(0.4),
        *samples(0.45, 0.9, UNREACHABLE),
        Bound(at_s=0.9, app="backend", boot=1),
        FirstAnswer(at_s=0.95, app="backend", boot=1, status_code=503),
        sockets(1.0, PG, syn_sent=(5001,)),
        sockets(1.5, REDIS, syn_sent=(6001,)),
        sockets(1.6, REDIS),
        *samples(0.95, 2.35, UNHEALTHY),
        exited(2.4, code=3, asked=False),
        write(2.6, "refused", "failed", code=None),
        ended(4.3),
    ]


@pytest.mark.parametrize(("lived_s", "outcome"), [(1.4, "FAIL"), (1.6, "UNKNOWN")])
def test_an_app_that_exits_at_once_is_not_excused(lived_s: float, outcome: str) -> None:
    """Its life is so short that most of it is a wait on any busy machine."""
    spawned_s = 2.4 - lived_s
    early = [event for event in gone() if event.at_s < 0.4 or event.at_s >= 2.4]
    events = [*early, spawned(spawned_s), *waits(spawned_s, 2.4, 0.9)]
    events.sort(key=lambda event: event.at_s)
    claim = Starts(mode="normal", within_s=3.0, rests_on=())
    assert outcomes(judged(events, claim, faults=())) == [outcome]


@pytest.mark.parametrize(("e", "healing_s"), EXITS)
@pytest.mark.parametrize(
    ("slow", "outcome"),
    [
        ([], "FAIL"),
        (waits(0.4, 2.4, 0.49), "FAIL"),
        (waits(0.4, 2.4, 0.51), "UNKNOWN"),
        (lags(0.4, 2.4, 0.065), "FAIL"),
        (waits(0.4, 2.4, 0.9, app="auth"), "FAIL"),
    ],
    ids=["quiet", "just under half", "just over half", "a late lab", "another app"],
)
def test_an_exit_is_unknown_only_if_the_app_waited_for_most_of_its_life(
    e: Expectation, healing_s: float, slow: list[AnyEvent], outcome: str
) -> None:
    """A late lab takes no time from the app."""
    assert outcomes(judged([*gone(healing_s), *slow], e)) == [outcome]


@pytest.mark.parametrize(("e", "healing_s"), EXITS)
def test_the_reason_has_the_spawn_and_the_exit(e: Expectation, healing_s: float) -> None:
    """It waited for 1.02 s of those 2 s."""
    (verdict,) = judged([*gone(healing_s), *waits(0.4, 2.4, 0.51)], e)
    reason = verdict.because[0]
    assert reason.code == "machine.starved"
    assert reason.data == {
        "app": "backend",
        "lost_s": pytest.approx(1.02),
        "start_s": 0.4,
        "end_s": 2.4,
    }


@pytest.mark.parametrize("exit_code", [3, 4])
def test_an_exit_that_was_expected_is_not_excused(exit_code: int) -> None:
    """The claim requires the exit. It fails by what the log lacks, or by the exit code."""
    e = FailsFast(naming=("postgres",), exit_code=exit_code, within_s=3.0)
    assert outcomes(judged([*gone(), *waits(0.4, 2.4, 0.6)], e)) == ["FAIL"]


def test_a_failure_before_the_exit_is_not_excused_by_the_exit() -> None:
    """Health was quickly unhealthy at 1.5, after a completed start-up."""
    up = [spawned(0.4), complete(1.0, HEALTHY), *samples(1.0, 1.5, HEALTHY)]
    end = [exited(2.4, code=3, asked=False), ended(2.5)]
    slow, e = waits(0.4, 2.4, 0.6), StaysAvailable(healthy=False)
    crash = [*up, *samples(1.5, 2.3, HEALTHY), *end]
    broken = [*up, *samples(1.5, 2.3, UNHEALTHY), *end]
    assert outcomes(judged([*crash, *slow], e, faults=())) == ["UNKNOWN"]
    assert outcomes(judged([*broken, *slow], e, faults=())) == ["FAIL"]


def test_a_count_is_not_excused_by_the_exit() -> None:
    """The proxy's records of a retry storm are read at the heal, after the exit at 3.5."""
    storm = [
        connection(PG, 20000 + n, fault=STOPPED, read_s=4.49, number=100 + n, opened_s=at_s)
        for n, at_s in enumerate(2.46 + 0.005 * i for i in range(200))
    ]
    storm = [replace(c, closed_s=c.opened_s, end="upstream_refused") for c in storm]
    alive = without(stopped_under_load(), lambda e: e.kind == "exited" or e.at_s > 7.1)
    events = [*alive, *storm, exited(3.5, code=3, asked=False), ended(7.15)]
    e = BacksOff(connects_per_s=20.0)
    for slow in ([], waits(0.4, 3.4, 0.9)):
        verdicts = judged([*events, *slow], e, faults=(Stopped(target="postgres"),))
        assert outcomes(verdicts) == ["FAIL"]


def test_a_later_boot_is_not_excused_by_the_exit_of_an_earlier_one() -> None:
    """The first write is refused at 2.6, and boot 2 is spawned before that."""
    e = FirstRequestServed(fault=OUTAGE)
    events = [*gone(AFTER_THE_HEAL), *waits(0.4, 2.4, 0.9)]
    assert outcomes(judged(events, e)) == ["UNKNOWN"]
    assert outcomes(judged([*events, spawned(2.5, boot=2)], e)) == ["FAIL"]


def test_an_app_that_ran_before_the_lab_is_not_excused() -> None:
    """How long it ran before is not known, so neither is whether it waited for most of that."""
    begun = replace(spawned(0.4), standing=True)
    events = [e for e in gone() if e.kind != "spawned"]
    e = StaysAvailable(healthy=False)
    assert outcomes(judged([*events, begun, *waits(0.4, 2.4, 0.9)], e)) == ["FAIL"]

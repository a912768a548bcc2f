"""The data path's timers: in order, cancelled in time, and no memory of what was cancelled."""

from __future__ import annotations

import math

import pytest

from chaoslab.engine.timers import Timers


@pytest.fixture
def bugs() -> list[BaseException]:
    """What calls raised."""
    return []


@pytest.fixture
def timers(bugs: list[BaseException]) -> Timers:
    """No timer yet; time is what the test says."""
    return Timers(bugs.append)


def test_calls_come_by_due_time_and_those_of_one_time_in_the_order_they_were_set(
    timers: Timers,
) -> None:
    """Nothing comes early, and nothing twice."""
    called: list[str] = []
    for due_s, name in ((3.0, "c"), (1.0, "a"), (2.0, "b1"), (2.0, "b2")):
        timers.at(due_s, lambda name=name: called.append(name))
    assert timers.next_s == 1.0
    timers.run(0.999)
    assert called == []
    timers.run(2.0)
    assert called == ["a", "b1", "b2"]
    assert timers.next_s == 3.0
    timers.run(10.0)
    timers.run(10.0)
    assert called == ["a", "b1", "b2", "c"]
    assert timers.next_s == math.inf


def test_a_timer_cancelled_by_one_that_is_due_with_it_does_not_fire(timers: Timers) -> None:
    """A connection that ends stops its own wake-up, even one of the same moment."""
    called: list[str] = []
    first = timers.at(1.0, lambda: None)
    second = timers.at(1.0, lambda: called.append("second"))
    first.call = second.cancel
    timers.run(1.0)
    assert called == []
    second.cancel()  # once more does no harm
    assert len(timers) == 0


def test_a_call_that_raises_is_reported_and_the_others_come(
    timers: Timers, bugs: list[BaseException]
) -> None:
    """One connection's bug is not everybody's outage."""
    called: list[str] = []

    def broken() -> None:
        raise RuntimeError("bug")

    timers.at(1.0, broken)
    timers.at(1.0, lambda: called.append("next"))
    timers.run(1.0)
    assert called == ["next"]
    assert [str(bug) for bug in bugs] == ["bug"]


def test_cancelled_timers_of_the_far_future_do_not_pile_up(timers: Timers) -> None:
    """A thousand short connections under a `timeout` of an hour leave nearly nothing behind."""
    called: list[int] = []
    kept = timers.at(7200.0, lambda: called.append(0))
    for _ in range(1000):
        timers.at(3600.0, lambda: called.append(1)).cancel()
    assert 1 <= len(timers) <= 130
    timers.run(8000.0)
    assert called == [0]
    assert kept.call is None


def test_moving_a_timer_keeps_one_that_is_early_enough_and_replaces_a_late_one(
    timers: Timers,
) -> None:
    """There is one call for a stream, at the latest when it is wanted."""
    called: list[str] = []
    first = timers.reschedule(None, 2.0, lambda: called.append("first"))
    assert timers.reschedule(first, 3.0, lambda: called.append("later")) is first
    earlier = timers.reschedule(first, 1.0, lambda: called.append("earlier"))
    assert earlier is not first
    timers.run(5.0)
    assert called == ["earlier"]
    last = timers.reschedule(None, 6.0, lambda: called.append("last"))
    assert timers.reschedule(last, None, lambda: called.append("last")) is None
    timers.run(9.0)
    assert called == ["earlier"]

"""The timers of the data path: in order, cancellable, with bounded memory."""

from __future__ import annotations

import math

import pytest

from chaoslab.engine.timers import Timers


@pytest.fixture
def bugs() -> list[BaseException]:
    """The exceptions that calls raised."""
    return []


@pytest.fixture
def timers(bugs: list[BaseException]) -> Timers:
    """Timers without an entry; the test sets the time."""
    return Timers(bugs.append)


def test_calls_are_made_by_due_time_and_equal_times_in_order(
    timers: Timers,
) -> None:
    """No call is early, and none is made twice."""
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


def test_a_timer_cancelled_by_another_due_timer_does_not_fire(timers: Timers) -> None:
    """A connection that ends cancels its own timer, even at the same moment."""
    called: list[str] = []
    first = timers.at(1.0, lambda: None)
    second = timers.at(1.0, lambda: called.append("second"))
    first.call = second.cancel
    timers.run(1.0)
    assert called == []
    second.cancel()  # a second call has no effect
    assert len(timers) == 0


def test_a_call_that_raises_is_reported_and_the_others_are_made(
    timers: Timers, bugs: list[BaseException]
) -> None:
    """A bug in one connection does not affect the others."""
    called: list[str] = []

    def broken() -> None:
        raise RuntimeError("bug")

    timers.at(1.0, broken)
    timers.at(1.0, lambda: called.append("next"))
    timers.run(1.0)
    assert called == ["next"]
    assert [str(bug) for bug in bugs] == ["bug"]


def test_cancelled_timers_do_not_accumulate(timers: Timers) -> None:
    """A thousand short connections with a `timeout` of an hour leave few entries."""
    called: list[int] = []
    kept = timers.at(7200.0, lambda: called.append(0))
    for _ in range(1000):
        timers.at(3600.0, lambda: called.append(1)).cancel()
    assert 1 <= len(timers) <= 130
    timers.run(8000.0)
    assert called == [0]
    assert kept.call is None


def test_a_rescheduled_timer_is_kept_if_early_enough_and_else_replaced(
    timers: Timers,
) -> None:
    """There is one call for a stream, at the required time at the latest."""
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

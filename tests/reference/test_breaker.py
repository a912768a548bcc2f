"""The circuit breaker, with a virtual clock."""

from __future__ import annotations

import asyncio

import pytest

from chaoslab.reference.backend.breaker import BreakerOpen, CircuitBreaker


class Clock:
    """Time that only passes when the test changes it."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Lost(Exception):
    """The exception that counts as a failure."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, open_s=60.0, clock=clock)


def fail(breaker: CircuitBreaker) -> None:
    with pytest.raises(Lost), breaker.slot(Lost):
        raise Lost


def test_it_opens_after_three_failures_in_a_row_and_not_after_two(breaker: CircuitBreaker) -> None:
    """A success in between restarts the count."""
    fail(breaker)
    fail(breaker)
    with breaker.slot(Lost):
        pass
    fail(breaker)
    fail(breaker)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_while_open_it_refuses_without_a_try_and_says_when_to_retry(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """The code of the call does not run."""
    for _ in range(3):
        fail(breaker)
    clock.now_s += 20
    with pytest.raises(BreakerOpen) as refused, breaker.slot(Lost):
        pytest.fail("the call was tried")
    assert refused.value.retry_after_s == pytest.approx(40)


def test_half_open_allows_one_call_and_its_success_closes(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """A second call during the probe is refused; after the success all calls pass."""
    for _ in range(3):
        fail(breaker)
    clock.now_s += 60
    assert breaker.state == "half_open"
    with breaker.slot(Lost), pytest.raises(BreakerOpen), breaker.slot(Lost):
        pytest.fail("two probes at once")
    assert breaker.state == "closed"
    with breaker.slot(Lost), breaker.slot(Lost):
        pass


def test_a_failed_probe_opens_it_again_for_the_whole_time(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """The probe after that may close it."""
    for _ in range(3):
        fail(breaker)
    clock.now_s += 60
    fail(breaker)
    assert breaker.retry_after_s == pytest.approx(60)
    clock.now_s += 60
    with breaker.slot(Lost):
        pass
    assert breaker.state == "closed"


def test_after_it_closed_one_failure_does_not_open_it(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """Earlier failures do not count any more."""
    for _ in range(3):
        fail(breaker)
    clock.now_s += 60
    with breaker.slot(Lost):
        pass
    fail(breaker)
    assert breaker.state == "closed"


async def test_cancelled_probes_free_their_slot(breaker: CircuitBreaker, clock: Clock) -> None:
    """After ten cancelled callers another probe is allowed."""
    for _ in range(3):
        fail(breaker)
    clock.now_s += 60

    async def probe() -> None:
        with breaker.slot(Lost):
            await asyncio.Event().wait()

    for _ in range(10):
        task = asyncio.create_task(probe())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    with breaker.slot(Lost):
        pass
    assert breaker.state == "closed"


def test_another_error_is_neither_success_nor_failure(breaker: CircuitBreaker) -> None:
    """For example a thread that does not exist."""
    for _ in range(5):
        with pytest.raises(KeyError), breaker.slot(Lost):
            raise KeyError
    assert breaker.state == "closed"


def test_a_late_failure_from_before_the_recovery_does_not_count(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """The call began before the breaker changed."""
    late = breaker.slot(Lost)
    late.__enter__()
    for _ in range(3):
        fail(breaker)
    breaker.close()
    assert not late.__exit__(Lost, Lost(), None)  # not swallowed
    fail(breaker)
    fail(breaker)
    assert breaker.state == "closed"


def test_a_reconnection_closes_it_at_once(breaker: CircuitBreaker) -> None:
    """The monitor's new connection counts without half-open."""
    for _ in range(3):
        fail(breaker)
    breaker.close()
    assert breaker.state == "closed"


def test_with_several_needed_successes_one_does_not_close_it(clock: Clock) -> None:
    """As many probes at a time as successes are required."""
    breaker = CircuitBreaker(failures=1, open_s=60.0, successes=2, clock=clock)
    fail(breaker)
    clock.now_s += 60
    with breaker.slot(Lost):
        pass
    assert breaker.state == "half_open"
    with breaker.slot(Lost):
        pass
    assert breaker.state == "closed"

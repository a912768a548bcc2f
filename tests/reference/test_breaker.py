"""The circuit breaker, on a clock of the test's own."""

from __future__ import annotations

import asyncio

import pytest

from chaoslab.reference.backend.breaker import BreakerOpen, CircuitBreaker


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Lost(Exception):
    """The failure that counts."""


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
    """A success in between starts the count anew."""
    fail(breaker)
    fail(breaker)
    with breaker.slot(Lost):
        pass
    fail(breaker)
    fail(breaker)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_while_open_it_refuses_without_trying_and_says_when_to_come_again(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """The block under the slot never runs."""
    for _ in range(3):
        fail(breaker)
    clock.now_s += 20
    with pytest.raises(BreakerOpen) as refused, breaker.slot(Lost):
        pytest.fail("the call was tried")
    assert refused.value.retry_after_s == pytest.approx(40)


def test_half_open_lets_one_through_and_its_success_closes(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """A second call beside the probe is refused; after the success all pass."""
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
    """And the probe after that may close it: it never sticks."""
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
    """Recovery wipes the slate."""
    for _ in range(3):
        fail(breaker)
    clock.now_s += 60
    with breaker.slot(Lost):
        pass
    fail(breaker)
    assert breaker.state == "closed"


async def test_cancelled_probes_give_their_slot_back(breaker: CircuitBreaker, clock: Clock) -> None:
    """Ten callers that go away in mid-probe do not wedge it."""
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


def test_an_error_that_is_not_the_dependencys_is_no_verdict(breaker: CircuitBreaker) -> None:
    """A thread that does not exist says nothing about the database."""
    for _ in range(5):
        with pytest.raises(KeyError), breaker.slot(Lost):
            raise KeyError
    assert breaker.state == "closed"


def test_a_late_failure_from_before_the_recovery_does_not_count(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    """A call that began on the old path says nothing of the one that is good again."""
    late = breaker.slot(Lost)
    late.__enter__()
    for _ in range(3):
        fail(breaker)
    breaker.close()
    assert not late.__exit__(Lost, Lost(), None)  # not swallowed
    fail(breaker)
    fail(breaker)
    assert breaker.state == "closed"


def test_proof_from_elsewhere_closes_it_at_once(breaker: CircuitBreaker) -> None:
    """The monitor's fresh connection counts without waiting for half-open."""
    for _ in range(3):
        fail(breaker)
    breaker.close()
    assert breaker.state == "closed"


def test_with_several_needed_successes_one_does_not_close_it(clock: Clock) -> None:
    """As many probes at a time as successes are needed."""
    breaker = CircuitBreaker(failures=1, open_s=60.0, successes=2, clock=clock)
    fail(breaker)
    clock.now_s += 60
    with breaker.slot(Lost):
        pass
    assert breaker.state == "half_open"
    with breaker.slot(Lost):
        pass
    assert breaker.state == "closed"

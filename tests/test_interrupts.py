"""Ctrl-C while scenarios are under way: whom it ends, and whose it is afterwards."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from chaoslab.lab.interrupts import NOTE, Interrupts


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Those of a process whose Ctrl-C is Python's own before and after."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Interrupts()
    signal.signal(signal.SIGINT, before)


async def scenario(interrupts: Interrupts, for_s: float, told: list[str]) -> str:
    """How one ends that takes so long."""
    try:
        with interrupts.cancelling(told.append):
            await asyncio.sleep(for_s)
    except KeyboardInterrupt:
        return "interrupted"
    return "done"


def interrupted(interrupts: Interrupts, error: Exception | None) -> None:
    """A scenario that is over as soon as somebody has pressed it."""
    with interrupts.cancelling(lambda _: None):
        signal.raise_signal(signal.SIGINT)
        if error is not None:
            raise error


async def test_it_is_somebody_elses_again_after_two_scenarios_at_once(
    interrupts: Interrupts,
) -> None:
    """Whichever of them began first, and ended first."""
    before = signal.getsignal(signal.SIGINT)
    for times in ((0.0, 0.05), (0.05, 0.0)):
        each = (scenario(interrupts, for_s, []) for for_s in times)
        assert await asyncio.gather(*each) == ["done", "done"]
        assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("ended_s", [0.0, 30.0], ids=["after one's end", "both under way"])
async def test_it_ends_each_scenario_that_is_under_way(
    interrupts: Interrupts, ended_s: float
) -> None:
    """Of two at once, and of one that outlives another."""
    told: list[str] = []
    tasks = [asyncio.create_task(scenario(interrupts, s, told)) for s in (ended_s, 30.0)]
    for _ in range(5):
        await asyncio.sleep(0)
    signal.raise_signal(signal.SIGINT)
    ends = await asyncio.wait_for(asyncio.gather(*tasks), 5.0)
    under_way = 1 + (ended_s > 0)
    assert ends.count("interrupted") == under_way
    assert told == [NOTE] * under_way


@pytest.mark.parametrize("error", [None, OSError("no such lab")], ids=["its end", "an error"])
async def test_it_is_not_lost_where_a_scenario_ends_in_another_way(
    interrupts: Interrupts, error: Exception | None
) -> None:
    """The session ends all the same, and not after two further presses."""
    with pytest.raises(KeyboardInterrupt):
        interrupted(interrupts, error)
    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(asyncio.CancelledError):  # which the loop would have done a moment later
        await asyncio.sleep(1.0)
    task.uncancel()

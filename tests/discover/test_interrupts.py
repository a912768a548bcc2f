"""A signal ends a look once, and what it started is stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from chaoslab.discover.interrupts import run_until_interrupted

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def hangup() -> Iterator[None]:
    """SIGHUP as a terminal's shell leaves it. nohup, if it runs pytest, ignores it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_cancels_once(number: signal.Signals) -> None:
    """The work is cancelled, and a second signal does not cancel what stops it."""
    steps = []

    async def work() -> None:
        try:
            signal.raise_signal(number)
            await asyncio.Event().wait()
        finally:
            signal.raise_signal(number)
            await asyncio.sleep(0)
            steps.append("stopped")

    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted(work)
    assert steps == ["stopped"]


def test_a_signal_while_the_event_loop_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started then."""
    run = asyncio.run

    def late(main: object) -> object:
        signal.raise_signal(signal.SIGTERM)
        return run(main)  # type: ignore[arg-type]

    async def work() -> None:
        pytest.fail("started")

    monkeypatch.setattr("asyncio.run", late)
    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted(work)


def test_without_a_signal_the_result_is_returned() -> None:
    """The handlers are those of before afterwards."""

    async def work() -> int:
        return 3

    before = [*map(signal.getsignal, ENDING)]
    assert run_until_interrupted(work) == 3
    assert [*map(signal.getsignal, ENDING)] == before


def test_a_terminal_that_is_closed_ends_no_look_under_nohup() -> None:
    """nohup has set SIGHUP to be ignored, so that the command outlives its terminal."""

    async def work() -> int:
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(0)
        return 3

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert run_until_interrupted(work) == 3
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

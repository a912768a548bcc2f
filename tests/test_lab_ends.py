"""The end of a run: every task of the lab ends, also one whose cancellation was lost on the way."""

from __future__ import annotations

import asyncio

import pytest

from chaoslab.lab import run


async def test_a_task_that_loses_its_first_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As CPython's wait_for may lose it, in a driver, up to 3.11."""
    monkeypatch.setattr(run, "CANCEL_AGAIN_S", 0.01)
    lost = 0

    async def probe() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost += 1

    task = asyncio.create_task(probe())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await run._all_ended([task], cancel=True)
    assert task.cancelled()
    assert lost == 1

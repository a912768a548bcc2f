"""The end of a command by a signal, wherever a shell has started it."""

from __future__ import annotations

import asyncio
import signal

import pytest

from chaoslab.lab.interrupts import Interrupts
from chaoslab.machine.ending import ending_like_ctrl_c


async def a_run(interrupts: Interrupts, number: signal.Signals) -> None:
    """A run that would take 5 s, and gets a signal."""
    with ending_like_ctrl_c(), interrupts.cancelling(lambda _: None):
        signal.raise_signal(number)
        await asyncio.sleep(5.0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_ends_a_run_that_a_shell_has_put_in_the_background(
    number: signal.Signals,
) -> None:
    """Such a shell ignores SIGINT for it. Afterwards SIGINT is ignored as before."""
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, if it runs pytest, ignores it
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts = Interrupts()
    try:
        with pytest.raises(KeyboardInterrupt):
            await a_run(interrupts, number)
        interrupts.restore()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGHUP, hangup)

"""Runs a look until it ends or a signal ends it; everything is stopped in both cases."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last may be ignored


def run_until_interrupted(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns. The first SIGINT, SIGTERM or SIGHUP cancels it, also one that comes
    while the event loop starts; further ones change nothing, so that it can stop what it started.
    Raises KeyboardInterrupt after that.

    A shell may have set SIGINT to be ignored for a background job: it counts all the same. An
    ignored SIGHUP stays ignored: nohup ignores it, to outlive the terminal.
    """
    interrupted = False
    cancel: Callable[[], object] | None = None

    def interrupt(_: int, __: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted and cancel is not None:
            cancel()
        interrupted = True

    async def main() -> T:
        nonlocal cancel
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        cancel = partial(loop.call_soon_threadsafe, task.cancel)
        if interrupted:
            raise asyncio.CancelledError
        return await work()

    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    ending = _ENDING[:-1] if under_nohup else _ENDING
    before = {number: signal.signal(number, interrupt) for number in ending}
    try:
        result = asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted:
        raise KeyboardInterrupt
    return result

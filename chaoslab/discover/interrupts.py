"""Runs a look until it ends or a signal ends it; everything is stopped in both cases."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType
from typing import TypeVar

from chaoslab.machine.ending import ending_like_ctrl_c

T = TypeVar("T")


def run_until_interrupted(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns. The first SIGINT, SIGTERM or SIGHUP cancels it, also one that comes
    while the event loop starts; further ones change nothing, so that it can stop what it started.
    Raises KeyboardInterrupt after that.

    A SIGINT that a shell has set to be ignored counts all the same, and a SIGHUP that nohup ignores
    stays ignored (`ending_like_ctrl_c`).
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

    with ending_like_ctrl_c():
        before = signal.signal(signal.SIGINT, interrupt)
        try:
            result = asyncio.run(main())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt
    return result

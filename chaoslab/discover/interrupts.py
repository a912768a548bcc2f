"""Signals that end `chaoslab init` as Ctrl-C does, so that it stops what it started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """In the block, SIGTERM and SIGHUP act as Ctrl-C does. So does SIGINT, which a shell may have
    set to be ignored for a background job.
    """

    def interrupt(_: int, __: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, *_ENDING)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for each in _ENDING:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""The signals that end a command: each does what Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """While the block runs, SIGTERM does what SIGINT does, and so does SIGHUP (a terminal that is
    closed), unless it is ignored: nohup ignores it, to outlive the terminal. Nothing changes
    outside the main thread, which alone gets signals.

    A shell ignores SIGINT for a background job, and child processes inherit that. It is not ignored
    in the block: SIGTERM would be lost with it, and a child could not be interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if number is signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_: int, __: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)

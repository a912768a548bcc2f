"""Ctrl-C while a scenario runs: the first heals and stops everything, a second breaks nothing."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

FORCED = 3  # this Ctrl-C ends the process at once; what the lab started is ended by its watchdogs
NOTE = "interrupted: healing and stopping; a third Ctrl-C ends this at once"

_Handler = Callable[[int, FrameType | None], object] | int | None


class Interrupts:
    """The Ctrl-C presses of one process, from its first scenario until `restore`.

    asyncio alone would cancel the scenario at the first one and break off its cleaning at the
    second, and a second one in pytest's own report would end the process by the signal.
    """

    def __init__(self) -> None:
        self.count = 0
        self._before: _Handler = None
        self._ours = self._on_interrupt  # one object, so that it can be recognised
        self._cancel: Callable[[], object] = lambda: None

    @contextmanager
    def cancelling(self, tell: Callable[[str], object]) -> Iterator[None]:
        """Cancel the current task at the first Ctrl-C, and raise KeyboardInterrupt at its end.

        Nothing changes where SIGINT is ignored, or outside the main thread, which alone gets
        signals. After an interrupt the handler stays, so that the report comes to its end too.
        """
        if not _may_handle():
            yield
            return
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None, "a scenario runs as a task"

        def cancel() -> None:
            loop.call_soon_threadsafe(tell, NOTE)
            loop.call_soon_threadsafe(task.cancel)

        self._before, self._cancel = signal.getsignal(signal.SIGINT), cancel
        signal.signal(signal.SIGINT, self._ours)
        try:
            yield
        except asyncio.CancelledError:
            if not self.count:
                raise
            task.uncancel()
            raise KeyboardInterrupt from None
        finally:
            self._cancel = lambda: None
            if not self.count:
                self.restore()

    def restore(self) -> None:
        """Give SIGINT back to whoever had it. Safe to repeat."""
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) is self._ours:
            before = signal.default_int_handler if self.count else self._before
            signal.signal(signal.SIGINT, before)

    def _on_interrupt(self, _: int, __: FrameType | None) -> None:
        self.count += 1
        if self.count == 1:
            self._cancel()
        elif self.count >= FORCED:
            raise KeyboardInterrupt


def _may_handle() -> bool:
    ignored = signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None)
    return threading.current_thread() is threading.main_thread() and not ignored

"""Ctrl-C during a scenario: the first heals and stops everything, the third exits at once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

FORCED = 3  # this Ctrl-C ends the process at once; the dead-man's switch stops what it started
# pytest prints its report in this time, and ends by itself if nothing ignores its cancellation.
_EXIT_WITHIN_S = 2.0
_INTERRUPTED = 2  # the exit code of pytest.ExitCode.INTERRUPTED
NOTE = "interrupted: healing and stopping; press Ctrl-C a third time to exit at once"

_Handler = Callable[[int, FrameType | None], object] | int | None


class Interrupts:
    """Handles Ctrl-C in one process, from its first scenario until `restore`.

    Without this handler, a second Ctrl-C would stop the clean-up of the scenario, or kill the
    process while pytest prints its report.
    """

    def __init__(self) -> None:
        self.count = 0
        self._before: _Handler = None
        self._ours = self._on_interrupt  # one object, to compare with the installed handler
        self._cancels: list[Callable[[], object]] = []  # of scenarios not interrupted yet
        self._under_way = 0
        self._ending: threading.Timer | None = None

    @contextmanager
    def cancelling(self, tell: Callable[[str], object]) -> Iterator[None]:
        """At the first Ctrl-C, cancel the current task and call `tell` with a note for the user; at
        the end of the block, raise KeyboardInterrupt.

        Several scenarios may run at the same time. Nothing is done if SIGINT is ignored, or outside
        the main thread, which alone gets signals. After a Ctrl-C the handler stays installed, so
        that pytest can finish its report.
        """
        if not _may_handle():
            yield
            return
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None, "a scenario runs as a task"
        before = self.count

        def cancel() -> None:
            loop.call_soon_threadsafe(tell, NOTE)
            loop.call_soon_threadsafe(task.cancel)

        self._begin(cancel)
        try:
            yield
        except BaseException as error:
            if self.count == before:
                raise
            if isinstance(error, asyncio.CancelledError):
                task.uncancel()
            raise KeyboardInterrupt from None
        else:
            if self.count > before:  # the task ended before it was cancelled
                raise KeyboardInterrupt
        finally:
            self._end(cancel)

    def restore(self) -> None:
        """Remove this handler of SIGINT, if it is installed: restore the handler that was there
        before, or Python's default one after a Ctrl-C. May be called again.
        """
        if self._ending is not None:
            self._ending.cancel()
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) is self._ours:
            before = signal.default_int_handler if self.count else self._before
            signal.signal(signal.SIGINT, before)

    def _begin(self, cancel: Callable[[], object]) -> None:
        self._cancels.append(cancel)
        self._under_way += 1
        now = signal.getsignal(signal.SIGINT)
        if now is not self._ours:
            self._before = now
            signal.signal(signal.SIGINT, self._ours)

    def _end(self, cancel: Callable[[], object]) -> None:
        self._under_way -= 1
        if cancel in self._cancels:
            self._cancels.remove(cancel)
        if not self._under_way and not self.count:
            self.restore()

    def _on_interrupt(self, _: int, __: FrameType | None) -> None:
        self.count += 1
        cancels, self._cancels = self._cancels, []
        for cancel in cancels:
            cancel()
        if self.count >= FORCED:
            self._end_soon()
            raise KeyboardInterrupt

    def _end_soon(self) -> None:
        """End the process after a moment if it still runs. A KeyboardInterrupt alone does not end a
        loop in which a task ignores its cancellation.
        """
        if self._ending is None:
            self._ending = threading.Timer(_EXIT_WITHIN_S, os._exit, (_INTERRUPTED,))
            self._ending.daemon = True
            self._ending.start()


def _may_handle() -> bool:
    ignored = signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None)
    return threading.current_thread() is threading.main_thread() and not ignored

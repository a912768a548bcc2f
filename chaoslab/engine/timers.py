"""The data path's own timers: exact, cheap, and kept away from asyncio's."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

# Cancelled timers stay in the heap until they are due, or until they are most of a heap this long.
_TIDY_ABOVE = 64


class Timer:
    """One call at a time to come (s, monotonic), unless it is cancelled before."""

    __slots__ = ("_timers", "call", "due_s")

    def __init__(self, timers: Timers, due_s: float, call: Callable[[], None]) -> None:
        self._timers = timers
        self.due_s = due_s
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Cancel the call; no effect if it was made already."""
        if self.call is not None:
            self.call = None
            self._timers.cancelled_one()


class Timers:
    """Timers by due time, those of the same time in the order in which they were set.

    `next_s` is when to call `run` at the latest: infinity where nothing waits. It may be the time
    of a timer that was cancelled since.
    """

    __slots__ = ("_cancelled", "_count", "_heap", "_on_bug", "next_s")

    def __init__(self, on_bug: Callable[[BaseException], None]) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._cancelled = 0
        self._on_bug = on_bug
        self.next_s = math.inf

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, due_s: float, call: Callable[[], None]) -> Timer:
        """Call `call()` in the first `run` at or after `due_s`."""
        timer = Timer(self, due_s, call)
        heapq.heappush(self._heap, (due_s, next(self._count), timer))
        self.next_s = self._heap[0][0]
        return timer

    def move(
        self, timer: Timer | None, due_s: float | None, call: Callable[[], None]
    ) -> Timer | None:
        """The timer to keep instead of `timer`, so that `call()` comes at `due_s` at the latest.

        It may come earlier: one that is set already stays, because who waits asks again anyway,
        and that costs less than to set another for every chunk. No `due_s` means no call.
        """
        if timer is not None:
            if due_s is not None and timer.due_s <= due_s:
                return timer
            timer.cancel()
        return None if due_s is None else self.at(due_s, call)

    def run(self, now_s: float) -> None:
        """Make the calls that are due."""
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            timer = heapq.heappop(heap)[2]
            call, timer.call = timer.call, None
            if call is None:
                self._cancelled -= 1
                continue
            try:
                call()
            except Exception as bug:  # one connection's bug must not stop the network
                self._on_bug(bug)
        self._note_next()

    def cancelled_one(self) -> None:
        """A timer was cancelled: many of them are swept out, so that memory stays bounded."""
        self._cancelled += 1
        if len(self._heap) > _TIDY_ABOVE and self._cancelled > len(self._heap) // 2:
            self._heap[:] = [entry for entry in self._heap if entry[2].call is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0
            self._note_next()

    def _note_next(self) -> None:
        self.next_s = self._heap[0][0] if self._heap else math.inf

"""The timers of the data path: exact and cheap, apart from asyncio's timers."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable

# A cancelled timer stays in the heap until it is due. If a longer heap than this has more cancelled
# timers than others, they are removed.
_SWEEP_ABOVE = 64


class Timer:
    """One call at `due_s` (s, monotonic), unless it is cancelled before."""

    __slots__ = ("_timers", "call", "due_s")

    def __init__(self, timers: Timers, due_s: float, call: Callable[[], None]) -> None:
        self._timers = timers
        self.due_s = due_s
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Cancel the call; no effect if it was already made."""
        if self.call is not None:
            self.call = None
            self._timers.cancelled_one()


class Timers:
    """Timers, ordered by due time; equal times in the order in which they were set.

    `next_s` is the time at which `run` must be called at the latest; infinity if there is no timer.
    It may be the time of a cancelled timer.
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
        """A new timer. Its call is made in the first `run` at or after `due_s`."""
        timer = Timer(self, due_s, call)
        heapq.heappush(self._heap, (due_s, next(self._count), timer))
        self.next_s = self._heap[0][0]
        return timer

    def reschedule(
        self, timer: Timer | None, due_s: float | None, call: Callable[[], None]
    ) -> Timer | None:
        """A timer that makes the call at `due_s` at the latest, in place of `timer`.

        A timer that is due earlier is kept: a stream that is woken too early only sets its timer
        again, which is cheaper than a new timer for every chunk. `due_s` None means no call.
        """
        if timer is not None:
            if due_s is not None and timer.due_s <= due_s:
                return timer
            timer.cancel()
        return None if due_s is None else self.at(due_s, call)

    def run(self, now_s: float) -> None:
        """Make the calls that are due at `now_s`, and remove their timers."""
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            timer = heapq.heappop(heap)[2]
            call, timer.call = timer.call, None
            if call is None:
                self._cancelled -= 1
                continue
            try:
                call()
            except Exception as bug:  # a bug in one connection must not stop the others
                self._on_bug(bug)
        self._note_next()

    def cancelled_one(self) -> None:
        """Count a cancelled timer; if there are many, remove them, so that memory is bounded."""
        self._cancelled += 1
        if len(self._heap) > _SWEEP_ABOVE and self._cancelled > len(self._heap) // 2:
            self._heap[:] = [entry for entry in self._heap if entry[2].call is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0
            self._note_next()

    def _note_next(self) -> None:
        self.next_s = self._heap[0][0] if self._heap else math.inf

"""Records how long an app waited for a processor core: such a delay is the machine's, not the
app's.

Source: the kernel's Documentation/scheduler/sched-stats.rst: the second figure of
/proc/<pid>/schedstat is the nanoseconds that the task was ready to run and waited on a run queue.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaoslab.history.events import AppStarved
from chaoslab.probes.base import Watched, pause

LOOK_EVERY_S = 0.1
WRITE_EVERY_S = 0.5
WORTH_WRITING_S = 0.01  # of one event; what is left out of a start-up of 7 s is below 0.15 s


class StarvationProbe:
    """Records, for each period of `WRITE_EVERY_S` seconds, how long a boot's main thread waited for
    a core.

    The kernel's figure is read more often, so that little is missed when the process exits. If the
    kernel has no such figure, or the process is on another machine, nothing is recorded.
    """

    def __init__(self, watched: Watched, proc: Path = Path("/proc")) -> None:
        self._watched = watched
        self._path = proc / str(watched.running.pid) / "schedstat"

    async def run(self, over: asyncio.Event) -> None:
        """Read and record the times waited for a core until the process ends or `over` is set; then
        record the time since the last record.
        """
        journal, running = self._watched.journal, self._watched.running
        before_s, before_waited_s = running.spawned_s - journal.origin_s, 0.0
        seen_s, waited_s, lives = before_s, 0.0, True
        while lives and not over.is_set():
            await pause(LOOK_EVERY_S, over)
            lives = running.exit_code is None
            if lives and (look := self._waited_s()) is not None:
                seen_s, waited_s = journal.now(), look
            elif lives:
                return
            if not lives or over.is_set() or seen_s - before_s >= WRITE_EVERY_S:
                self._note(seen_s, waited_s - before_waited_s, seen_s - before_s)
                before_s, before_waited_s = seen_s, waited_s

    def _note(self, at_s: float, waited_s: float, over_s: float) -> None:
        if waited_s <= WORTH_WRITING_S:
            return
        starved = AppStarved(at_s=at_s, **self._watched.who, waited_s=waited_s, over_s=over_s)
        self._watched.journal.append(starved)

    def _waited_s(self) -> float | None:
        try:
            return int(self._path.read_text().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return None

"""The dead-man's switch of one lab's processes and folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaoslab.machine import reaper
from chaoslab.machine.deadman_switch import DeadMansSwitch

_FINISH_S = reaper.LIMIT_S + 1.0


class Watchdog(DeadMansSwitch):
    """Ends all processes of one lab and deletes its folder, on `end_lab`, or by itself if this
    process dies.

    `mark` is the variable, as in `NAME=1`, that every process of the lab has in its environment.
    `folder` need not exist yet.
    """

    def __init__(self, *, mark: str, folder: Path) -> None:
        words = (mark, str(folder))
        super().__init__(reaper, *words, name="the lab's watchdog", leaves="processes")

    def watch_session(self, leader: int) -> None:
        """Make the watchdog end every process of one more session too, also those without the lab's
        mark.

        `leader` is the number of the session's first process. Raises RuntimeUnavailable if the
        watchdog itself has ended.
        """
        self.check()
        process = reaper.look(leader)
        if process is not None and process.session == leader:
            self.send_line(f"{leader} {process.born}")

    async def end_lab(self) -> bool:
        """End the lab's processes and delete its folder; returns whether nothing is left."""
        if await asyncio.to_thread(self.finish, _FINISH_S):
            return True
        # The watchdog is stopped by a signal, or too slow.
        return await asyncio.to_thread(self.take_over)

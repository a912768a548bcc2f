"""The dead-man's switch of one lab's processes and folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaoslab.machine import reaper
from chaoslab.machine.deadman_switch import DeadMansSwitch
from chaoslab.machine.trouble import Trouble

_FINISH_S = reaper.LIMIT_S + 1.0


class Watchdog:
    """Ends all processes of one lab and deletes its folder: on `finish`, or by itself when this
    process dies.

    `mark` is the variable, as in `NAME=1`, that every process of the lab has in its environment.
    `folder` need not exist yet.
    """

    def __init__(self, *, mark: str, folder: Path) -> None:
        self._switch = DeadMansSwitch(
            reaper, mark, str(folder), name="the lab's watchdog", leaves="processes"
        )

    @property
    def pid(self) -> int:
        """The watchdog's own process."""
        return self._switch.pid

    def watch_session(self, leader: int) -> None:
        """End every process of that session too, also one without the mark.

        Raises RuntimeUnavailable if the watchdog itself has ended.
        """
        self._switch.check()
        process = reaper.look(leader)
        if process is None or process.session != leader:
            return
        self._switch.tell(f"{leader} {process.born}")

    def trouble(self) -> Trouble | None:
        """What is wrong with the watchdog's own process; None if nothing is."""
        return self._switch.trouble()

    async def finish(self) -> bool:
        """End the lab's processes and delete its folder; returns whether nothing is left."""
        if await asyncio.to_thread(self._switch.finish, _FINISH_S):
            return True
        # The watchdog is stopped by a signal, or too slow.
        return await asyncio.to_thread(self._switch.take_over)

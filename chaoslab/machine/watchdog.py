"""The owner's end of the dead-man's switch (`reaper.py`): one per runtime."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine import births, reaper
from chaoslab.machine.environment import environment
from chaoslab.machine.process import wait_for_end
from chaoslab.machine.trouble import Trouble, trouble_of

MARK_PREFIX = "CHAOSLAB_LAB_"
_FINISH_S = reaper.LIMIT_S + 1.0


class Watchdog:
    """Takes everything of one lab away: on `finish`, or by itself when this process dies.

    `mark` is the variable that every process of the lab carries in its environment; `folder` is
    deleted at the end, and need not exist yet.
    """

    def __init__(self, *, mark: str, folder: Path) -> None:
        self._mark, self._folder = mark, str(folder)
        self._sessions: dict[int, int] = {}
        # Without marks in its environment, a lab within a lab is not killed before its time.
        machine = environment()
        unmarked = {name: machine[name] for name in machine if not name.startswith(MARK_PREFIX)}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", reaper.__file__, mark, self._folder, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=unmarked,
            cwd="/",
            start_new_session=True,
        )
        births.take(self._process.pid)  # nor with a birthmark

    def watch_session(self, leader: int) -> None:
        """Cover every process of that session, even one that hides the mark.

        Raises RuntimeUnavailable if the watchdog itself is gone: nothing would be covered.
        """
        if (code := self._process.poll()) is not None:
            raise RuntimeUnavailable(
                f"the lab's watchdog ended with exit status {code}; a killed test would leave "
                f"processes behind\n  expected it to run: {sys.executable} -I -S {reaper.__file__}"
            )
        process = reaper.look(leader)
        if process is None or process.session != leader:
            return
        self._sessions[leader] = process.born
        self._tell(f"{leader} {process.born}\n")

    def trouble(self) -> Trouble | None:
        """What is wrong with its process: without it a killed test leaves processes behind."""
        return trouble_of(self._process, (self._process.pid,), tuple)

    async def finish(self) -> bool:
        """End the lab's processes and delete its folder; True if nothing is left."""
        self._tell("end\n")
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                if await wait_for_end(self._process) == 0:
                    return True
        # The reaper was killed, or was not quick enough: do its work here.
        self._process.kill()
        self._process.wait()
        return await asyncio.to_thread(reaper.clean, self._mark, self._folder, self._sessions)

    def _tell(self, line: str) -> None:
        # A reaper that is gone is noticed by `finish`.
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

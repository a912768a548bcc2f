"""A stack that the lab did not start is used by one lab at a time, on the whole machine.

A service that one lab stops is gone for every other; so workers of pytest-xdist, and other
sessions, wait for their turn. The kernel keeps it as a lock on the Compose file itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable

LIMIT_S = 900.0
_LOOK_EVERY_S = 0.05


class Turn:
    """The turn at one file's stack. It is given back at the latest when `fd`, and every copy of
    it that another process has inherited, is closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mine = False
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    async def take(self, limit_s: float = LIMIT_S) -> None:
        """Wait for it. Raises RuntimeUnavailable after `limit_s` seconds."""
        end_s = now_s() + limit_s
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if now_s() > end_s:
                    raise RuntimeUnavailable(
                        f"the stack of {self._path} is used by another lab, and was for "
                        f"{limit_s:g} s\n  one lab at a time can break its services: wait for the "
                        "other one's end (`fuser` on the file names it)"
                    ) from None
                await asyncio.sleep(_LOOK_EVERY_S)
            else:
                self._mine = True
                return

    def give_back(self) -> None:
        """Let others have it; safe to repeat."""
        if self._mine:
            fcntl.flock(self.fd, fcntl.LOCK_UN)
            self._mine = False

    def close(self) -> None:
        """Give it back for good; safe to repeat."""
        if self.fd >= 0:
            self.give_back()
            os.close(self.fd)
            self.fd = -1

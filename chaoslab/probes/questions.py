"""Limits the lab's own requests to one boot: one at a time for each path. Also counts these
requests.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Questions:
    """Allows one request at a time to each path of a boot, for all probes together.

    Two requests to one path start at least `period_s` seconds apart.
    """

    def __init__(self, period_s: float = 0.0) -> None:
        self._period_s = period_s
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sent_s: dict[str, float] = {}
        self._over = asyncio.Event()
        self._open, self._idle = asyncio.Event(), asyncio.Event()
        self._open.set()
        self._idle.set()
        self._under_way = 0
        self.asked: Counter[str] = Counter()
        self.most_under_way = 0

    @asynccontextmanager
    async def one(self, path: str) -> AsyncIterator[bool]:
        """Wait until a request to the path may start. Yields True; False if the request must not be
        sent at all.
        """
        async with self._turns[path]:
            if not (await self._due(path) and await self._allowed()):
                yield False
                return
            self._sent_s[path] = asyncio.get_running_loop().time()
            self.asked[path] += 1
            self._under_way += 1
            self._idle.clear()
            self.most_under_way = max(self.most_under_way, self._under_way)
            try:
                yield True
            finally:
                self._under_way -= 1
                if not self._under_way:
                    self._idle.set()

    async def pause(self) -> None:
        """Start no new request, and wait until every open one has ended, at the latest at its time
        limit.
        """
        self._open.clear()
        await self._idle.wait()

    def go_on(self) -> None:
        """Allow requests again."""
        self._open.set()

    def end(self) -> None:
        """Refuse every request that waits for its period or for the end of a pause."""
        self._over.set()
        self._open.set()

    async def _allowed(self) -> bool:
        """Wait for the end of a pause, if there is one. Returns False if `end` was called first,
        else True.
        """
        if self._open.is_set():
            return True
        await self._open.wait()
        return not self._over.is_set()

    async def _due(self, path: str) -> bool:
        """Wait until `period_s` has passed since the last request to the path. Returns False if
        `end` was called first, else True.
        """
        due_s = self._sent_s.get(path, float("-inf")) + self._period_s
        wait_s = due_s - asyncio.get_running_loop().time()
        if wait_s <= 0:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._over.wait()
        return not self._over.is_set()

"""The lab's own questions to one boot: never two at once on a path, and how many there were."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Questions:
    """Lets one question at a time through to each path of a boot, whoever of the lab asks it.

    On each path `period_s` seconds, at the least, lie between one question and the next.
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
        """Wait for the path's turn; False where the asking was over by then: ask nothing."""
        async with self._turns[path]:
            if not (await self._due(path) and await self._let_through()):
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
        """Let no more through, and wait until those under way are over; each is bounded."""
        self._open.clear()
        await self._idle.wait()

    def go_on(self) -> None:
        """Let them through again."""
        self._open.set()

    def end(self) -> None:
        """No question waits any more, for its period or for the end of a pause."""
        self._over.set()
        self._open.set()

    async def _let_through(self) -> bool:
        """Whether it may be asked: it need not have waited for a pause to whose end none came."""
        if self._open.is_set():
            return True
        await self._open.wait()
        return not self._over.is_set()

    async def _due(self, path: str) -> bool:
        """Whether the period since the path's last question has passed before the end."""
        due_s = self._sent_s.get(path, float("-inf")) + self._period_s
        wait_s = due_s - asyncio.get_running_loop().time()
        if wait_s <= 0:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._over.wait()
        return not self._over.is_set()

"""The steps of one path, each timed and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chaoslab.clock import now_s
from chaoslab.preflight.outcome import Ended, Step


class Trip:
    """Which step a path is at, and how long each has taken so far."""

    def __init__(self, within_s: float) -> None:
        self.within_s = within_s
        self.at: Step = "address"
        self.took_s: dict[Step, float] = {}

    @asynccontextmanager
    async def step(self, name: Step, *, bounded: bool = True) -> AsyncIterator[None]:
        """Time a step; raises Ended where it outlasts the limit (unless it bounds itself)."""
        self.at, begun_s = name, now_s()
        try:
            async with asyncio.timeout(self.within_s if bounded else None):
                yield
        except TimeoutError:
            raise Ended("unresolved" if name == "name" else "silent") from None
        finally:
            self.took_s[name] = now_s() - begun_s

"""Samples at a cadence, whatever the answers take, but for the quiet time that a plan asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from chaoslab.history.journal import Journal
from chaoslab.spec.load import Sampling


class Sampler:
    """Calls `sample` each `cadence_s`; calls overlap, so that a slow one delays none of the next.

    What it sends, and when it keeps quiet, is the same for everything that asks an app how it is.
    """

    def __init__(
        self,
        sample: Callable[[], Coroutine[object, object, None]],
        *,
        cadence_s: float,
        sampling: Sampling,
        journal: Journal,
    ) -> None:
        self._sample, self._cadence_s = sample, cadence_s
        self._sampling, self._journal = sampling, journal
        self._quiet = False

    async def run(self, over: asyncio.Event) -> None:
        """Sample until `over` is set; samples under way are then waited for (each is bounded)."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            quiet = group.create_task(self._keep_quiet())
            due_s = loop.time()
            while not over.is_set():
                if not self._quiet:
                    group.create_task(self._sample())
                # after a standstill there is a gap, and no burst to catch up
                due_s = max(due_s + self._cadence_s, loop.time())
                await asyncio.sleep(due_s - loop.time())
            quiet.cancel()

    async def _keep_quiet(self) -> None:
        sampling, journal = self._sampling, self._journal
        if sampling.quiet_from is None or await journal.moment(sampling.quiet_from) is None:
            return
        self._quiet = True
        if sampling.quiet_until is not None:
            await journal.moment(sampling.quiet_until)
            self._quiet = False

"""Calls a function at a cadence to take samples, except in the quiet time of a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from chaoslab.history.journal import Journal
from chaoslab.model.load import Sampling

PAUSE_S = 0.02  # between an answer and the next question, so that the app can serve others
LOOK_EVERY_S = 0.05  # how often the sampler checks for the end and for `awaits`


class Sampler:
    """Calls `sample` each `cadence_s` seconds, and each `sampling.fast_s` while `awaits()` is true.

    Only one call runs at a time: the next one starts at least `PAUSE_S` after the last one has
    ended. In the quiet time of `sampling` there are no calls.
    """

    def __init__(
        self,
        sample: Callable[[], Coroutine[object, object, None]],
        *,
        cadence_s: float,
        sampling: Sampling,
        journal: Journal,
        awaits: Callable[[], bool],
    ) -> None:
        self._sample, self._cadence_s, self._awaits = sample, cadence_s, awaits
        self._sampling, self._journal = sampling, journal
        self._quiet = False

    async def run(self, over: asyncio.Event) -> None:
        """Sample until `over` is set, then wait for the last call."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            quiet = group.create_task(self._keep_quiet())
            while not over.is_set():
                sent_s = loop.time()
                if not self._quiet:
                    await self._sample()
                await self._pause(sent_s, loop.time() + PAUSE_S, over)
            quiet.cancel()

    async def _pause(self, sent_s: float, earliest_s: float, over: asyncio.Event) -> None:
        """Sleep until the next sample is due, or `over` is set. It becomes due earlier if
        `awaits()` becomes true meanwhile.
        """
        loop, fast_s = asyncio.get_running_loop(), min(self._sampling.fast_s, self._cadence_s)
        while not over.is_set():
            each_s = fast_s if self._awaits() else self._cadence_s
            left_s = max(earliest_s, sent_s + each_s) - loop.time()
            if left_s <= 0:
                return
            await asyncio.sleep(min(left_s, LOOK_EVERY_S))

    async def _keep_quiet(self) -> None:
        sampling, journal = self._sampling, self._journal
        if sampling.quiet_from is None or await journal.moment(sampling.quiet_from) is None:
            return
        self._quiet = True
        if sampling.quiet_until is not None:
            await journal.moment(sampling.quiet_until)
            self._quiet = False

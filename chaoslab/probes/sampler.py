"""Asks one question after the other, but for the quiet time that a plan asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from chaoslab.history.journal import Journal
from chaoslab.model.load import Sampling

BREATH_S = 0.02  # between an answer and the next question: the app has others to serve
LOOK_EVERY_S = 0.05  # whether anything is awaited, or the end has come


class Sampler:
    """Calls `sample` each `cadence_s`, and each `sampling.fast_s` while `awaits` says so.

    A call begins when the one before is over, and `BREATH_S` has passed since: whatever an answer
    takes, no more than one is under way. When it keeps quiet is the same for everything that asks
    an app how it is.
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
        """Sample until `over` is set; one that is under way then is waited for (it is bounded)."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            quiet = group.create_task(self._keep_quiet())
            while not over.is_set():
                sent_s = loop.time()
                if not self._quiet:
                    await self._sample()
                await self._pause(sent_s, loop.time() + BREATH_S, over)
            quiet.cancel()

    async def _pause(self, sent_s: float, earliest_s: float, over: asyncio.Event) -> None:
        """Until the next is due; what is awaited may begin meanwhile."""
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

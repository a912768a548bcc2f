"""Looks for the jobs that an app acknowledged, again and again, until each is delivered."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from chaoslab.probes.base import either
from chaoslab.probes.jobs import Jobs
from chaoslab.probes.read_back import AT_ONCE, Find, Look, LookUp, as_read_back
from chaoslab.services.base import TalkFailed

LOOK_EVERY_S = 0.2


class Deliveries:
    """Looks for the jobs of one request, in one place, and records when each was found first.

    A look in a service asks for all jobs that are not delivered yet; a look through the app asks
    for those few that were not looked up for the longest time. A look that fails is tried again,
    because a fault may have stopped the server. Of the time between nothing is known.
    """

    def __init__(self, jobs: Jobs, look_up: LookUp) -> None:
        self._jobs, self._look_up, self._place = jobs, look_up, jobs.place
        self._absent_s: dict[str, float] = {}  # when each job was not there for the last time
        self._looked_s: dict[str, float] = {}

    async def run(self, all_sent: asyncio.Event) -> None:
        """Look until `all_sent` is set. Then look until every job is delivered, or its time is
        over, and record what is there at the end. Raises TalkFailed if those last looks fail.
        """
        while not all_sent.is_set():
            with suppress(TalkFailed):
                async with self._look_up() as find:
                    while not all_sent.is_set():
                        await self._look(find)
                        await either(all_sent.wait(), asyncio.sleep(LOOK_EVERY_S))
            await either(all_sent.wait(), asyncio.sleep(LOOK_EVERY_S))
        self._note()
        if not self._jobs.were_acknowledged:
            return  # the app may not have created its table
        async with self._look_up() as find:
            await self._look(find)
            while self._jobs.may_come():
                await asyncio.sleep(LOOK_EVERY_S)
                await self._look(find)
            await self._last_look(find)

    def _note(self) -> None:
        self._absent_s |= {job.op: job.at_s for job in self._jobs.note()}

    async def _look(self, find: Find) -> None:
        """Look once for the jobs that wait."""
        self._note()
        ops = sorted(self._jobs.waiting, key=lambda op: self._looked_s.get(op, 0.0))
        if ops := ops if self._place.service else ops[:AT_ONCE]:
            await self._find(find, ops)

    async def _last_look(self, find: Find) -> None:
        """Look for every job where the place shows how often it is there, also for those that were
        not acknowledged; else for those that wait. Record what is there.
        """
        ops = [*(self._jobs.sent if self._place.counts else self._jobs.waiting)]
        if ops:
            look, began_s = await self._find(find, ops)
            event = as_read_back(self._jobs.app.name, self._jobs.contract, ops, look, began_s)
            self._jobs.journal.append(event)

    async def _find(self, find: Find, ops: list[str]) -> tuple[Look, float]:
        """Look for these jobs, and record those that were found for the first time. Returns what
        was found, and when the look began.
        """
        began_s = self._jobs.journal.now()
        look = await find(ops)
        self._looked_s |= dict.fromkeys(ops, began_s)
        for op in self._jobs.waiting.keys() & set(ops) - look.unclear:
            if op in look.often:
                now_s = self._jobs.journal.now()
                self._jobs.record(op, now_s, self._absent_s[op], look.often[op])
            else:
                self._absent_s[op] = began_s
        return look, began_s

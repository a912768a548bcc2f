"""Looks for the jobs that an app acknowledged, again and again, until each is delivered."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress

from chaoslab.evidence.delivery import jobs_of
from chaoslab.history.events import Delivered, Request
from chaoslab.history.journal import Journal
from chaoslab.model.requests import RequestContract
from chaoslab.model.topology import App
from chaoslab.probes.base import either
from chaoslab.probes.read_back import AT_ONCE, Find, Look, LookUp, as_read_back
from chaoslab.services.base import TalkFailed

LOOK_EVERY_S = 0.2


class Deliveries:
    """Looks for the jobs of one request, in one place, and records when each was found first.

    A look in a service asks for all jobs that are not delivered yet; a look through the app asks
    for those few that were not looked up for the longest time. A look that fails is tried again,
    because a fault may have stopped the server. Of the time between nothing is known.
    """

    def __init__(
        self,
        app: App,
        contract: RequestContract,
        look_up: LookUp,
        within_s: float,
        journal: Journal,
    ) -> None:
        assert contract.found is not None, "a job has a place where it is found"
        self._app, self._contract, self._place = app, contract, contract.found
        self._look_up, self._within_s, self._journal = look_up, within_s, journal
        self._read = 0  # events of the journal
        self._sent: list[str] = []
        self._waiting: dict[str, Request] = {}  # acknowledged, and not delivered
        self._absent_s: dict[str, float] = {}  # when each of them was not there for the last time
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
        self._note_requests()
        if not self._absent_s:
            return  # an app that acknowledged no job may not have created its table
        async with self._look_up() as find:
            await self._look(find)
            while self._may_come():
                await asyncio.sleep(LOOK_EVERY_S)
                await self._look(find)
            await self._last_look(find)

    async def _look(self, find: Find) -> None:
        """Look once for the jobs that wait."""
        self._note_requests()
        ops = sorted(self._waiting, key=lambda op: self._looked_s.get(op, 0.0))
        if ops := ops if self._place.service else ops[:AT_ONCE]:
            await self._find(find, ops)

    async def _last_look(self, find: Find) -> None:
        """Look for every job where the place shows how often it is there, also for those that were
        not acknowledged; else for those that wait. Record what is there.
        """
        ops = self._sent if self._place.counts else [*self._waiting]
        if ops:
            look, began_s = await self._find(find, ops)
            event = as_read_back(self._app.name, self._contract, ops, look, began_s)
            self._journal.append(event)

    async def _find(self, find: Find, ops: list[str]) -> tuple[Look, float]:
        """Look for these jobs, and record those that were found for the first time. Returns what
        was found, and when the look began.
        """
        began_s = self._journal.now()
        look = await find(ops)
        self._looked_s |= dict.fromkeys(ops, began_s)
        for op in self._waiting.keys() & set(ops) - look.unclear:
            if op in look.often:
                del self._waiting[op]
                self._record(op, look.often[op])
            else:
                self._absent_s[op] = began_s
        return look, began_s

    def _record(self, op: str, times: int) -> None:
        self._journal.append(
            Delivered(
                at_s=self._journal.now(),
                app=self._app.name,
                request=self._contract.name,
                op=op,
                not_before_s=self._absent_s[op],
                times=times,
            )
        )

    def _note_requests(self) -> None:
        """Note the jobs that were sent since the last call."""
        new = self._journal.events_from(self._read)
        self._read += len(new)
        mine = (self._app.name, self._contract.name, "load")
        for event in new:
            if isinstance(event, Request) and (event.app, event.request, event.purpose) == mine:
                self._sent.append(event.op)
                if event.outcome == "ok":
                    self._waiting[event.op] = event
                    self._absent_s[event.op] = event.at_s

    def _may_come(self) -> bool:
        """Whether a job waits whose time is not over, and will be."""
        now_s, startup_s = self._journal.now(), self._app.deadlines.startup_s
        waiting, history = [*self._waiting.values()], self._journal.history
        jobs = jobs_of(self._app.name, waiting, self._within_s, startup_s, history)
        return any(job.clock.end_s < math.inf and not job.is_over(now_s) for job in jobs)

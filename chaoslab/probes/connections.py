"""Records how many clients a server has, as the server itself counts them: this shows a leak."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from chaoslab.errors import RuntimeUnavailable
from chaoslab.history.events import ServerConnections
from chaoslab.history.journal import Journal
from chaoslab.runtimes.base import RunningService
from chaoslab.services import kind_of
from chaoslab.services.base import ClientCount, TalkFailed, ability

LOOK_EVERY_S = 0.1
ANSWER_WITHIN_S = 0.5
FIRST_ANSWER_WITHIN_S = 5.0
EMPTY_WITHIN_S = 1.0


class ConnectionsProbe:
    """Records the number of clients of one server, at first and at each change.

    The lab's own named clients are not counted: this probe, and the probe that looks up writes. A
    canary does not log in to Postgres. At Redis a canary is counted while its connection is open:
    some milliseconds, or until the heal if the proxy holds it. So a count that lasts while no fault
    is in force is the app's.
    """

    def __init__(self, service: RunningService, journal: Journal) -> None:
        self._service, self._journal = service, journal
        self._session: ClientCount | None = None
        self._asking: asyncio.Task[int] | None = None
        self._last: tuple[int | None] | None = None

    async def begin(self) -> None:
        """Record the first count, before any app is spawned: the clients in that count are not the
        app's.

        If the count is not 0, it waits up to `EMPTY_WITHIN_S`: canaries of the bring-up may still
        be connected.
        """
        try:
            self._note(await self._first_count())
        except BaseException:  # `run`, which closes the session, will not be called
            await self._close()
            raise

    async def run(self) -> None:
        """Count again and again until cancelled, and record each change."""
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                self._note(await self._look(ANSWER_WITHIN_S))
        finally:
            await self._close()

    async def _first_count(self) -> int | None:
        loop = asyncio.get_running_loop()
        count, end_s = await self._look(FIRST_ANSWER_WITHIN_S), loop.time() + EMPTY_WITHIN_S
        while count and loop.time() < end_s:
            await asyncio.sleep(LOOK_EVERY_S)
            count = await self._look(ANSWER_WITHIN_S)
        return count

    async def _look(self, within_s: float) -> int | None:
        """The number of clients of the server; None if the server does not answer within `within_s`
        seconds, or answers with an error.

        A question without an answer stays open, and the next call waits for its answer, so that no
        query is cancelled.
        """
        asking = self._asking or asyncio.create_task(self._count())
        self._asking = asking
        await asyncio.wait({asking}, timeout=within_s)
        if not asking.done():
            return None
        self._asking = None
        try:
            return asking.result()
        except (TalkFailed, RuntimeUnavailable):
            await self._close()
            return None

    async def _count(self) -> int:
        if self._session is None:
            kind = kind_of(self._service.service.kind)
            fix = "remove ReleasesConnections for this service"
            opened = ability(kind.count_clients, kind, "count its clients", fix)
            self._session = await opened(self._service.url(self._service.endpoint))
        return await self._session.count()

    def _note(self, count: int | None) -> None:
        if self._last == (count,):
            return
        self._last = (count,)
        name, at_s = self._service.service.name, self._journal.now()
        self._journal.append(ServerConnections(at_s=at_s, service=name, count=count))

    async def _close(self) -> None:
        asking, session = self._asking, self._session
        self._asking = self._session = None
        if asking is not None:
            if session is not None:
                with suppress(TalkFailed):  # the server may have closed the session
                    session.hang_up()
            else:
                asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            # A login that was nearly complete may have opened the session in spite of the cancel.
            session, self._session = session or self._session, None
        if session is not None:
            await session.close()

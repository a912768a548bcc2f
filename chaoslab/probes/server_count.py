"""Reads a number that a server counts, from a server that may stop, freeze and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable
from chaoslab.services.base import ServerCount, TalkFailed


class PatientCount:
    """A number that a server counts. `open` opens a session that reads it.

    After a failure the next look opens a new session. `asked_s` is the time on the machine's
    monotonic clock at which the last question was sent.
    """

    def __init__(self, open: Callable[[], Awaitable[ServerCount]]) -> None:
        self._open = open
        self._session: ServerCount | None = None
        self._asking: asyncio.Task[int] | None = None
        self.asked_s = 0.0

    async def look(self, within_s: float) -> int | None:
        """The number now; None if the server does not answer within `within_s` seconds, or answers
        with an error.

        A question without an answer stays open, and the next call waits for its answer, so that no
        query is cancelled.
        """
        if self._asking is None:
            self.asked_s = now_s()
            self._asking = asyncio.create_task(self._count())
        asking = self._asking
        await asyncio.wait({asking}, timeout=within_s)
        if not asking.done():
            return None
        self._asking = None
        try:
            return asking.result()
        except (TalkFailed, RuntimeUnavailable):
            await self.close()
            return None

    async def _count(self) -> int:
        if self._session is None:
            self._session = await self._open()
        return await self._session.count()

    async def close(self) -> None:
        """End the open question and close the session. The next look opens a new one."""
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

"""Records the sessions of a link as its server shows them, if an app's sockets cannot be read."""

from __future__ import annotations

import asyncio

from chaoslab.history.events import LinkSessions
from chaoslab.history.journal import Journal
from chaoslab.model.topology import Link
from chaoslab.runtimes.base import ExternalSystem
from chaoslab.services.base import ServerView

LOOK_EVERY_S = 0.1


class SessionProbe:
    """Records the sessions of one link, as the service's server reports them: at first and at each
    change.

    If the server does not report sessions to the lab, nothing is recorded.
    """

    def __init__(self, link: Link, external: ExternalSystem, journal: Journal) -> None:
        self._link, self._external, self._journal = link, external, journal
        self._view: ServerView | None = None
        self._last: tuple[int, ...] | None = None

    async def begin(self) -> None:
        """Record the first sessions. Call this before any fault: the lab's question to the server
        goes through the proxy.
        """
        self._view = await self._external.sessions(self._link)
        await self._look()

    async def run(self) -> None:
        """Read the sessions from the server again and again until cancelled, and record each
        change.
        """
        try:
            while self._view is not None:
                await asyncio.sleep(LOOK_EVERY_S)
                await self._look()
        finally:
            if self._view is not None:
                await self._view.close()

    async def _look(self) -> None:
        if self._view is None or (sessions := await self._view.sessions()) == self._last:
            return
        self._last = sessions
        at_s = self._journal.now()
        self._journal.append(LinkSessions(at_s=at_s, link=self._link.name, sessions=sessions))

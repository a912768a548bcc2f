"""The sessions of a link at its server: what can be seen of an app whose sockets cannot."""

from __future__ import annotations

import asyncio

from chaoslab.history.events import LinkSessions
from chaoslab.history.journal import Journal
from chaoslab.runtimes.base import Standing
from chaoslab.spec.topology import Link

LOOK_EVERY_S = 0.1


async def watch_sessions(link: Link, standing: Standing, journal: Journal) -> None:
    """Write down the sessions first and whenever they change, until cancelled.

    Returns at once where the server cannot be asked: then nothing is claimed.
    """
    view = await standing.sessions(link)
    if view is None:
        return
    last: tuple[int, ...] | None = None
    try:
        while True:
            if (sessions := await view.sessions()) != last:
                last = sessions
                journal.append(LinkSessions(at_s=journal.now(), link=link.name, sessions=sessions))
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await view.close()

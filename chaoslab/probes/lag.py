"""Measures the delay of the lab itself: how late its event loop wakes."""

from __future__ import annotations

import asyncio

from chaoslab.history.events import LabLag
from chaoslab.history.journal import Journal

TICK_S = 0.02
WORTH_WRITING_S = 0.05


async def watch_lag(journal: Journal) -> None:
    """Record every wake-up of the event loop that is more than `WORTH_WRITING_S` late."""
    while True:
        asleep_s = journal.now()
        await asyncio.sleep(TICK_S)
        late_s = journal.now() - asleep_s - TICK_S
        if late_s > WORTH_WRITING_S:
            journal.append(LabLag(at_s=journal.now(), late_s=late_s))

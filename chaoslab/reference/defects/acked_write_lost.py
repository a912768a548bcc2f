# /// defect
# number = 27
# name = "acked-write-lost"
# title = "Writes accepted into memory while degraded vanish"
# mechanism = """\
#   A thread that cannot be stored is put on a list in memory and acknowledged; the list is never \
#   written."""
# symptom = "Users are told 201 throughout the outage, and what they wrote in it is gone."
# source = "the incident's papers, defect 27"
# scenarios = ["vpc_outage::severed_under_requests"]
# passes = []
# also = ["ready_when_serving", "regains_latency", "refuses_honestly"]
# [primary]
# verdict = "keeps_acknowledged"
# cites = [{ code = "write.lost" }]
# ///
"""A degraded mode in which nothing fails, least of all a write.

The list was to be written once the database is back. That part was left for later.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from uuid import UUID

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.cache import Cache
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.dependency import DependencyUnavailable
from chaoslab.reference.backend.keys import KeyManager
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.threads import ThreadService

KEPT = 10_000  # threads; a list without end would be the next outage


class QueueingThreads(ThreadService):
    """Keeps threads in memory while Postgres is away."""

    def __init__(self, database: Database, cache: Cache, keys: KeyManager) -> None:
        super().__init__(database, cache, keys)
        self._queued: deque[tuple[UUID, str]] = deque(maxlen=KEPT)

    async def create_thread(self, thread_id: UUID, title: str) -> None:
        """Keep a thread: in Postgres, or for later."""
        try:
            await super().create_thread(thread_id, title)
        except DependencyUnavailable as error:
            self._queued.append((thread_id, title))
            log = logging.getLogger("backend.threads")
            log.warning("%d threads queued: %s", len(self._queued), error)


if __name__ == "__main__":
    sys.exit(main(parts=Parts(threads=QueueingThreads)))

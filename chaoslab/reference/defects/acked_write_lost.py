# /// defect
# number = 27
# name = "acked-write-lost"
# title = "Writes accepted into memory while degraded are lost"
# mechanism = """\
#   If a thread cannot be stored, it is put on a list in memory and acknowledged with 201. The \
#   list is never written to Postgres."""
# symptom = "During the outage every write is answered 201, and after it those writes are gone."
# source = "the incident's papers, defect 27"
# scenarios = ["vpc_outage::severed_under_requests"]
# passes = []
# also = ["ready_when_serving", "regains_latency", "refuses_honestly"]
# [primary]
# verdict = "keeps_acknowledged"
# cites = [{ code = "write.lost" }]
# ///
"""Acknowledges new threads (conversations) while Postgres is down, but keeps them only in memory.

The list of these threads should be written when Postgres is up again; that part is missing.
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

KEPT = 10_000  # threads, so that memory is bounded


class QueueingThreads(ThreadService):
    """A ThreadService that keeps new threads in a list in memory while Postgres is down."""

    def __init__(self, database: Database, cache: Cache, keys: KeyManager) -> None:
        super().__init__(database, cache, keys)
        self._queued: deque[tuple[UUID, str]] = deque(maxlen=KEPT)

    async def create_thread(self, thread_id: UUID, title: str) -> None:
        """Store a thread in Postgres; if Postgres is down, put the thread on the list and raise no
        error.
        """
        try:
            await super().create_thread(thread_id, title)
        except DependencyUnavailable as error:
            self._queued.append((thread_id, title))
            log = logging.getLogger("backend.threads")
            log.warning("%d threads queued: %s", len(self._queued), error)


if __name__ == "__main__":
    sys.exit(main(parts=Parts(threads=QueueingThreads)))

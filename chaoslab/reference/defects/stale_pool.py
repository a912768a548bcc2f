# /// defect
# number = 23
# name = "stale-pool"
# title = "Dead pooled connections are used after the fault has healed"
# mechanism = """\
#   The pool is kept during the outage. The monitor checks with connections of its own, no \
#   pooled connection is checked, and a request that gets a dead one is not tried again."""
# symptom = """\
#   Health is healthy, but the first requests after the heal fail, one for each dead \
#   connection."""
# source = "the incident's papers, defect 23"
# scenarios = [
#   "recovery::restarted_postgres_leaves_a_stale_pool",
#   "vpc_outage::first_traffic_after_the_heal_is_a_users",
# ]
# passes = []
# also = []
# [primary]
# verdict = "first_request_served"
# cites = [
#   { code = "write.first", data = { status_code = 503, answer = "dependency unavailable" } },
# ]
# ///
"""Keeps one pool for the lifetime of the process.

A dead connection is replaced only after a request has failed on it.
"""

from __future__ import annotations

import sys
from typing import TypeVar

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.database import Database, Pool, Work
from chaoslab.reference.backend.parts import Parts

T = TypeVar("T")


class OnePoolDatabase(Database):
    """A Database that keeps its first pool, and checks Postgres with a connection outside of the
    pool.
    """

    async def check(self) -> None:
        """Check whether a new connection to Postgres succeeds; no connection of the pool is
        checked.
        """
        await self._probe()

    async def _with_one_retry(self, work: Work[T]) -> T:
        if self._pool is None:
            await self.connect()
        return await self._retry(work)

    async def _open_pool(self) -> Pool:
        return self._pool or await super()._open_pool()

    def _retire(self) -> None:
        if self._closed:
            super()._retire()


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=OnePoolDatabase)))

# /// defect
# number = 23
# name = "stale-pool"
# title = "Dead pooled connections are handed out after the fault clears"
# mechanism = """\
#   The pool outlives the outage: the watch looks on connections of its own, nothing checks a \
#   pooled one, and a request that gets a dead one is not tried again."""
# symptom = """\
#   Health is healthy, and the first users after the repair get errors, one for each dead \
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
"""One pool for the life of the process, trusted to fix itself.

It does fix itself: each dead connection is replaced once a request has fallen over it.
"""

from __future__ import annotations

import sys
from typing import TypeVar

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.database import Database, Pool, Work
from chaoslab.reference.backend.parts import Parts

T = TypeVar("T")


class OnePoolDatabase(Database):
    """Keeps its first pool; whether Postgres is there is asked beside it."""

    async def check(self) -> None:
        """Look whether Postgres takes a connection; no pooled one is kept busy for that."""
        await self._probe()

    async def _with_second_chance(self, work: Work[T]) -> T:
        if self._pool is None:
            await self.connect()
        return await self._last_chance(work)

    async def _open_pool(self) -> Pool:
        return self._pool or await super()._open_pool()

    def _retire(self) -> None:
        if self._closed:
            super()._retire()


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=OnePoolDatabase)))

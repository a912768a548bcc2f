# /// defect
# number = 7
# name = "startup-disposes-live-pool"
# title = "The start-up check closes the pool that requests use"
# mechanism = """\
#   The last check of the start-up uses the process's only pool with `async with`, which \
#   closes it at the end. Requests then ask the closed pool for connections."""
# symptom = """\
#   Health is healthy, because the monitor uses its own connections, but every request that \
#   needs the database fails."""
# source = "the incident's papers, defect 7"
# scenarios = ["steady::starts_and_serves"]
# also = []
# [primary]
# verdict = "serves"
#
# [[primary.cites]]
# code = "serve.not_acknowledged"
# data = { status_code = 500, answer = "Internal Server Error" }
# ///
"""The process has only one pool, and a check at start-up closes it."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

from psycopg_pool import AsyncConnectionPool

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend, need
from chaoslab.reference.backend.cache import Cache
from chaoslab.reference.backend.database import Database, Pool, Work
from chaoslab.reference.backend.keys import KeyManager
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.phases import finalize, phases_with
from chaoslab.reference.backend.threads import ThreadService

T = TypeVar("T")


class SharedPool:
    """The only pool of this process."""

    def __init__(self) -> None:
        self._pool: Pool | None = None

    def made(self, *args: Any, **kwargs: Any) -> Pool:
        """Make and return a pool; the first one that is made is shared."""
        pool: Pool = AsyncConnectionPool(*args, **kwargs)
        self._pool = self._pool or pool
        return pool

    async def run(self, work: Work[T]) -> T:
        """Run `work` on a connection of the shared pool, and return its result."""
        async with need(self._pool, "the pool").connection() as conn:
            return await work(conn)

    async def validate(self, backend: Backend) -> None:
        """The FINALIZE phase: check that the tables can be read, then run the usual phase.

        The check closes the shared pool.
        """
        if self._pool is not None:
            async with self._pool as pool, pool.connection() as conn:
                await conn.execute("SELECT id FROM threads LIMIT 1")
        await finalize.run(backend)

    def threads(self, _database: Database, cache: Cache, keys: KeyManager) -> ThreadService:
        """Make the thread service; it uses the shared pool and not the database."""
        return ThreadService(self, cache, keys)


if __name__ == "__main__":
    shared = SharedPool()
    build = Parts(pool=shared.made, threads=shared.threads)
    sys.exit(main(parts=build, phases=phases_with("finalize", shared.validate)))

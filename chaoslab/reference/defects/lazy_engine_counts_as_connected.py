# /// defect
# number = 5
# name = "lazy-engine-counts-as-connected"
# title = "A lazy pool is taken for a connection"
# mechanism = """\
#   The DATABASE phase opens a pool that connects in the background. Postgres counts as up if \
#   the pool exists, at start-up and in the checks."""
# symptom = "Start-up and health say healthy while the database is down, and every request fails."
# source = "the incident's papers, defect 5"
# scenarios = ["vpc_outage::only_one_link_is_severed[postgres]"]
# also = ["degrades", "recovers"]
# [primary]
# verdict = "starts"
# cites = [
#   { code = "start.other_state", data = { state = "healthy", expected = ["degraded"] } },
# ]
# ///
"""Takes a database for connected if its pool exists, although nothing has answered."""

from __future__ import annotations

import contextlib
import sys

import psycopg

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.parts import Parts


class LazyDatabase(Database):
    """A Database that counts as up as soon as it has a pool, which connects in the background."""

    _prepared = False

    async def connect(self, timeout_s: float | None = None) -> None:  # noqa: ARG002 - takes none
        """Make the pool if there is none, and set the status to up. The pool connects in the
        background.
        """
        if self._pool is None:
            self._pool = self._new_pool()
            await self._pool.open()
        self.status.is_up()
        await self._prepare()

    async def check(self) -> None:
        """Make a pool and prepare the tables if that was not done; do not check any connection."""
        if self._pool is None:
            await self.connect()
        elif not self._prepared:
            await self._prepare()

    async def _prepare(self) -> None:
        """Prepare the tables if there is a connection; errors are ignored."""
        with contextlib.suppress(psycopg.Error):
            await self._on(self._pool, self._schema.prepare, self._limits.health_s)
            self._prepared = True


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=LazyDatabase)))

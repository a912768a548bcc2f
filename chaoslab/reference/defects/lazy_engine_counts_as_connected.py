# /// defect
# number = 5
# name = "lazy-engine-counts-as-connected"
# title = "Building a lazy pool is taken for being connected"
# mechanism = """\
#   The DATABASE phase opens a pool that connects in the background, and the existence of the \
#   pool is what counts as up, at start as in the checks."""
# symptom = "Start-up and health say healthy with the database dead; every request fails."
# source = "the incident's papers, defect 5"
# scenarios = ["vpc_outage::only_one_link_is_severed[postgres]"]
# also = ["degrades", "recovers"]
# [primary]
# verdict = "starts"
# cites = [
#   { code = "start.other_state", data = { state = "healthy", expected = ["degraded"] } },
# ]
# ///
"""An engine that exists is taken for a database that answers."""

from __future__ import annotations

import contextlib
import sys

import psycopg

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.parts import Parts


class LazyDatabase(Database):
    """Connected as soon as it has a pool, which dials when it likes."""

    _prepared = False

    async def connect(self, timeout_s: float | None = None) -> None:  # noqa: ARG002 - takes none
        """Build the pool; its first request will open the connections."""
        if self._pool is None:
            self._pool = self._new_pool()
            await self._pool.open()
        self.status.is_up()
        await self._prepare()

    async def check(self) -> None:
        """There is an engine, or there is none."""
        if self._pool is None:
            await self.connect()
        elif not self._prepared:
            await self._prepare()

    async def _prepare(self) -> None:
        """The tables, as soon as there is a connection; they are likely there already."""
        with contextlib.suppress(psycopg.Error):
            await self._on(self._pool, self._schema.prepare, self._limits.health_s)
            self._prepared = True


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=LazyDatabase)))

# /// defect
# number = 5
# name = "lazy-engine-counts-as-connected"
# title = "Building a lazy pool is taken for being connected"
# mechanism = """\
#   The DATABASE phase opens a pool that connects in the background, and the existence of the \
#   pool is what counts as up, at start as in the checks."""
# symptom = "Start-up and health say healthy with the database dead; every request fails."
# source = "the incident's papers, defect 5"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[refused]",
#   "vpc_outage::severed_before_start[silent]",
# ]
# also = ["degraded", "recovery"]
# [primary]
# verdict = "boot"
# cites = [
#   "expected health degraded, got healthy",
#   "expected startup_mode emergency_degraded, got normal",
# ]
# ///
"""An engine that exists is taken for a database that answers."""

from __future__ import annotations

import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.parts import Parts


class LazyDatabase(Database):
    """Connected as soon as it has a pool, which dials when it likes."""

    async def connect(self, timeout_s: float | None = None) -> None:  # noqa: ARG002 - no time needed
        """Build the pool; its first request will open the connections."""
        if self._pool is None:
            self._pool = self._new_pool()
            await self._pool.open()
        self.status.is_up()

    async def check(self) -> None:
        """There is an engine, or there is none."""
        if self._pool is None:
            await self.connect()


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=LazyDatabase)))

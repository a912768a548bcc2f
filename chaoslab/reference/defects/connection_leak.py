# /// defect
# number = 25
# name = "connection-leak"
# title = "Each failed attempt leaves a client behind on the server"
# mechanism = """\
#   A connect that takes too long is given up by whoever waits for it and goes on by itself; the \
#   connection that it ends with is nobody's, and nobody closes it."""
# symptom = "With each slow spell the server counts more clients, until it takes no more."
# source = "the incident's papers, defect 25"
# scenarios = ["retries::slow_answers_leak_nothing"]
# passes = []
# also = []
# [primary]
# verdict = "releases_connections"
# cites = [{ code = "connections.counted", data = { service = "postgres" } }]
# ///
"""A time-out that ends the waiting and not the work.

The attempts are kept, since a task that nobody holds may vanish. So are their connections.
"""

from __future__ import annotations

import asyncio
import sys

import psycopg

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.connections import BoundedConnection
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.parts import Parts


class AttemptingDatabase(Database):
    """Connects in tasks of their own, so that a cancelled caller does not tear a handshake."""

    _attempts: tuple[asyncio.Task[BoundedConnection], ...] = ()

    async def _dial(self, timeout_s: float) -> BoundedConnection:
        attempt = asyncio.create_task(super()._dial(self._limits.startup_stuck_s))
        self._attempts += (attempt,)
        await asyncio.wait({attempt}, timeout=timeout_s)
        if not attempt.done():
            raise psycopg.OperationalError(f"no answer within {timeout_s:.2g} s while connecting")
        return attempt.result()


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=AttemptingDatabase)))

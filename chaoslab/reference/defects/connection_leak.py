# /// defect
# number = 25
# name = "connection-leak"
# title = "Each abandoned connect leaves a connection on the server"
# mechanism = """\
#   If a connect takes too long, its caller stops waiting, but the connect goes on. The \
#   connection that it then gets is used by nobody and never closed."""
# symptom = "After each slow period the server has more clients, until it accepts no more."
# source = "the incident's papers, defect 25"
# scenarios = ["retries::slow_answers_leak_nothing"]
# passes = []
# also = []
# [primary]
# verdict = "releases_connections"
# cites = [{ code = "connections.counted", data = { service = "postgres" } }]
# ///
"""A time-out of a connect that ends only the waiting, and not the connect itself.

The tasks are kept, because asyncio may drop a task without references. So their connections stay
open.
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
    """A Database that connects in separate tasks, so that a cancelled caller interrupts no
    handshake.
    """

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

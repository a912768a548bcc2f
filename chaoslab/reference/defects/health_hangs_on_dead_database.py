# /// defect
# number = 16
# name = "health-hangs-on-dead-database"
# title = "The health check has no time-out"
# mechanism = """\
#   Each answer of /health waits for a row from Postgres, on one connection, without a limit."""
# symptom = """\
#   While the path is silent, health does not answer, and the platform removes the instance."""
# source = "the incident's papers, defect 16"
# scenarios = ["vpc_outage::severed_with_idle_pooled_connections"]
# passes = []
# also = ["degrades", "recovers"]
# [primary]
# verdict = "answers_in_time"
# cites = [
#   { code = "prober.no_answer", data = { path = "health" } },
#   { code = "prober.others_answered", data = { paths = ["liveness"] } },
# ]
# ///
"""Health that queries the database and waits for the answer.

If the database refuses, health answers at once. If it is silent, health waits: neither the
connect nor the query has a limit, and the next health request waits for the same connection.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import psycopg

from chaoslab.reference.backend import health
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.dependency import reason
from chaoslab.reference.backend.health import Answer, HealthChecks


class AskingHealth:
    """A health check that queries Postgres on one connection of its own, which stays open."""

    def __init__(self) -> None:
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    async def overall(self, backend: Backend) -> Answer:
        """The answer of `/health`: as in the good build, but Postgres is up only if it answers a
        query now.
        """
        found = health.overall(backend)
        if found.status != 200:
            return found
        try:
            async with self._turn:
                await self._ask(backend.settings.database_url)
        except psycopg.Error as error:
            dependencies = health.dependencies(backend)
            dependencies["postgres"] = {"status": "down", "error": reason(error)}
            lost = {"status": "degraded", "dependencies": dependencies}
            return Answer(status=200, body=found.body | lost)
        return found

    async def _ask(self, url: str) -> None:
        if self._conn is None or self._conn.closed:
            self._conn = await psycopg.AsyncConnection.connect(url, autocommit=True)
        await self._conn.execute("SELECT 1")


if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(overall=AskingHealth().overall)))

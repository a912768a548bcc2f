# /// defect
# number = 13
# name = "binds-before-viable"
# title = "The port opens, then the process exits"
# mechanism = """\
#   The port is bound first, so that the platform's check of the port passes. The migrations \
#   run before the server answers, and without the database they end the process."""
# symptom = "Traffic is routed to an instance that never answers and then exits."
# source = "the incident's papers, defect 13"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[silent]",
# ]
# counted = ["vpc_outage::severed_before_start[refused]"]
# also = ["degrades", "stays_live", "answers_in_time", "recovers"]
# [primary]
# verdict = "starts"
# cites = [
#   { code = "start.exited", data = { exit_code = 1, listened = true, answered = false } },
# ]
# ///
"""Binds the port before it is known that the start succeeds: the platform only checks the port."""

from __future__ import annotations

import asyncio
import sys

import psycopg

from chaoslab.reference.backend import server
from chaoslab.reference.backend.backoff import Backoff
from chaoslab.reference.backend.connections import BoundedConnection
from chaoslab.reference.backend.migrations import Schema
from chaoslab.reference.backend.settings import Settings, from_environment


def run(settings: Settings) -> int:
    """Bind the port, create the tables, then serve; returns the exit status."""
    if (sock := server.listen(settings)) is None:
        return server.EXIT_PORT_TAKEN
    asyncio.run(migrate(settings))
    return server.serve(sock, settings)


async def migrate(settings: Settings) -> None:
    """Create the tables, with as many tries as a start-up has. Raises psycopg.OperationalError."""
    limits = settings.limits
    backoff = Backoff.startup(limits)
    attempt_s = backoff.attempt_limit(limits.connect_s, limits.retry_tries)
    for number, delay_s in enumerate(backoff.delays(), 1):
        try:
            conn = await BoundedConnection.connect(
                settings.database_url, connect_limit_s=attempt_s, io_limit_s=limits.tables_s
            )
        except psycopg.OperationalError:
            if number == limits.retry_tries:
                raise
            await asyncio.sleep(delay_s)
        else:
            await Schema().prepare(conn)
            await conn.close()
            return


if __name__ == "__main__":
    sys.exit(run(from_environment()))

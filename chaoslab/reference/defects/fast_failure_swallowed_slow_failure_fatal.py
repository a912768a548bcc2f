# /// defect
# number = 6
# name = "fast-failure-swallowed-slow-failure-fatal"
# title = "A refused connection is a warning, a hung one is fatal"
# mechanism = """\
#   DATABASE makes one connect with a time-out before its tries. The exception of a refused \
#   connect is caught and logged. The TimeoutError of a hang is not, and the bypass does not \
#   handle it."""
# symptom = """\
#   If the port is refused, it starts degraded; if the path is silent, it ends with exit \
#   status 3."""
# source = "the incident's papers, defect 6"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[silent]",
# ]
# passes = ["vpc_outage::severed_before_start[refused]"]
# also = ["degrades", "stays_live", "answers_in_time", "recovers"]
# [primary]
# verdict = "starts"
#
# [[primary.cites]]
# code = "start.exited"
# data = { exit_code = 3 }
#
# [[primary.cites]]
# code = "app.log_line"
# data = { log_line = "start-up failed in phase database: TimeoutError" }
# ///
"""Handles the error of a refused connect, but not the time-out of a connect that hangs."""

from __future__ import annotations

import asyncio
import logging
import sys

import psycopg

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.connections import BoundedConnection
from chaoslab.reference.backend.dependency import reason
from chaoslab.reference.backend.phases import database, phases_with


async def run(backend: Backend) -> None:
    """The DATABASE phase: connect once and log a failure, then run the usual phase with its tries.
    A time-out of the first connect is not caught.
    """
    url, limits = backend.settings.database_url, backend.settings.limits
    try:
        async with asyncio.timeout(limits.health_s):
            conn = await BoundedConnection.connect(
                url, connect_limit_s=limits.connect_s, io_limit_s=limits.health_s
            )
    except psycopg.OperationalError as error:
        logging.getLogger("backend.startup").warning("postgres not found: %s", reason(error))
    else:
        await conn.close()
    await database.run(backend)


if __name__ == "__main__":
    sys.exit(main(phases=phases_with("database", run)))

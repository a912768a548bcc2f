# /// defect
# number = 11
# name = "non-critical-blocks-startup"
# title = "A missing optional table stops the start-up"
# mechanism = """\
#   SERVICES reads a table that another system fills and that the backend does not need. If \
#   the table is absent, the error ends the start-up."""
# symptom = "The start-up ends with exit status 3, although everything that requests need exists."
# source = "the incident's papers, defect 11"
# scenarios = ["steady::starts_and_serves"]
# also = ["serves", "stays_available", "stays_live", "answers_in_time"]
# [primary]
# verdict = "starts"
# cites = [
#   { code = "start.exited", data = { exit_code = 3 } },
#   { code = "app.log_line", data = { log_line = "start-up failed in phase services" } },
#   { code = "app.log_line", data = { log_line = "thread_summaries" } },
# ]
# ///
"""Start-up fails if an optional table cannot be read."""

from __future__ import annotations

import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend, need
from chaoslab.reference.backend.connections import BoundedConnection
from chaoslab.reference.backend.phases import phases_with, services


async def run(backend: Backend) -> None:
    """The SERVICES phase: make the services, then read the optional table. An error of that read is
    raised.
    """
    await services.run(backend)
    await need(backend.database, "the database").run(_summaries)


async def _summaries(conn: BoundedConnection) -> None:
    await conn.execute("SELECT thread_id FROM thread_summaries LIMIT 1")


if __name__ == "__main__":
    sys.exit(main(phases=phases_with("services", run)))

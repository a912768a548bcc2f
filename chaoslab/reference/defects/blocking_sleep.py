# /// defect
# number = 10
# name = "blocking-sleep"
# title = "A synchronous connect and sleep in the event loop"
# mechanism = """\
#   A reconnection first checks with the synchronous driver whether Postgres answers, with \
#   `time.sleep` between two tries, in the thread of the event loop."""
# symptom = "While the database hangs, nothing answers: no health check and no request."
# source = "the incident's papers, defect 10"
# scenarios = ["vpc_outage::severed_with_idle_pooled_connections"]
# also = ["degrades", "answers_in_time", "recovers"]
# [primary]
# verdict = "stays_live"
# cites = [{ code = "prober.not_2xx", data = { path = "liveness" } }]
# ///
"""Calls a function that blocks, made for the migration script, in the event loop."""

from __future__ import annotations

import sys
import time
from itertools import islice

import psycopg

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backoff import Backoff
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.parts import Parts

TRIES = 2
CONNECT_S = 2  # libpq's shortest connect time-out


class PatientDatabase(Database):
    """A Database that makes a new pool only after a synchronous connect has succeeded."""

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect. A reconnection (without `timeout_s`) first blocks the event loop until Postgres
        answers, for two tries at most.
        """
        if timeout_s is None:
            self._wait_until_there()
        await super().connect(timeout_s)

    def _wait_until_there(self) -> None:
        for delay_s in islice(Backoff.startup(self._limits).delays(), TRIES):
            try:
                psycopg.connect(self._settings.database_url, connect_timeout=CONNECT_S).close()
            except psycopg.OperationalError:
                time.sleep(delay_s)
            else:
                return


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=PatientDatabase)))

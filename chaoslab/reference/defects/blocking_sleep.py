# /// defect
# number = 10
# name = "blocking-sleep"
# title = "A synchronous connect and sleep in the event loop"
# mechanism = """\
#   A reconnection looks first whether anybody is there, with the synchronous driver and \
#   `time.sleep` between two tries, in the thread of the event loop."""
# symptom = "While the database hangs, nothing answers: not health, not liveness, no request."
# source = "the incident's papers, defect 10"
# scenarios = ["vpc_outage::severed_with_idle_pooled_connections"]
# also = ["degrades", "answers_in_time", "recovers"]
# [primary]
# verdict = "stays_live"
# cites = [{ code = "prober.not_2xx", data = { path = "liveness" } }]
# ///
"""One helper of the migration script, called from the event loop."""

from __future__ import annotations

import sys
import time
from itertools import islice

import psycopg

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.parts import Parts, startup_backoff

LOOKS = 2
LOOK_S = 2  # the least that libpq knows


class PatientDatabase(Database):
    """Does not bother the pool before it knows that Postgres is there."""

    async def connect(self, timeout_s: float | None = None) -> None:
        """Start-up says how long it may take; a reconnection has time to look first."""
        if timeout_s is None:
            self._wait_until_there()
        await super().connect(timeout_s)

    def _wait_until_there(self) -> None:
        for delay_s in islice(startup_backoff(self._limits).delays(), LOOKS):
            try:
                psycopg.connect(self._settings.database_url, connect_timeout=LOOK_S).close()
            except psycopg.OperationalError:
                time.sleep(delay_s)
            else:
                return


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=PatientDatabase)))

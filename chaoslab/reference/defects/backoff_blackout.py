# /// defect
# number = 22
# name = "backoff-blackout"
# title = "After some failures it does not try for minutes"
# mechanism = """\
#   Seven failures in a row, those of the start-up among them, put the next try off by ten times \
#   the breaker's open time."""
# symptom = """\
#   A short outage is survived; after a long one recovery is minutes late, with nothing wrong any \
#   more."""
# source = "the incident's papers, defect 22"
# scenarios = ["vpc_outage::severed_for_longer_than_the_startup_limit"]
# passes = ["running::the_connector_fails[refused]"]
# also = []
# [primary]
# verdict = "recovers"
# cites = [
#   { code = "link.not_connected", data = { link = "backend.postgres", recorded = true } },
#   { code = "health.names_lost", data = { lost = ["postgres"] } },
# ]
# ///
"""A database that is left in peace once it has failed often enough.

The rest was meant for a server that is overloaded. A path that is broken gets it too, and when it
is fixed nobody looks.
"""

from __future__ import annotations

import sys
import time

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.dependency import DependencyUnavailable
from chaoslab.reference.backend.parts import Parts

FAILURES = 7
BREAKER_TIMES = 10  # with a breaker that is open for a minute, ten minutes


class RestingDatabase(Database):
    """Counts failed tries, and after enough of them tries no more for a long while."""

    _failures = 0
    _rests_until = 0.0

    async def connect(self, timeout_s: float | None = None) -> None:
        """Reach Postgres anew, unless it rests. Raises DependencyUnavailable."""
        left_s = self._rests_until - time.monotonic()
        if left_s > 0:
            raise self.unavailable(f"failed {FAILURES} times, next try in {left_s:.1f} s", left_s)
        try:
            await super().connect(timeout_s)
        except DependencyUnavailable:
            self._failures += 1
            if self._failures >= FAILURES:
                self._rests_until = time.monotonic() + BREAKER_TIMES * self._limits.breaker_open_s
            raise
        self._failures = 0


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=RestingDatabase)))

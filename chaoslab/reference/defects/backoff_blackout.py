# /// defect
# number = 22
# name = "backoff-blackout"
# title = "After several failures no reconnection is tried for minutes"
# mechanism = """\
#   After seven failures in a row, those of the start-up included, the next try is delayed by \
#   ten times the breaker's open time."""
# symptom = "After a short outage it recovers; after a long one it recovers minutes late."
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
"""Does not contact the database for a long time after several failures.

The pause is meant for an overloaded server. It also applies if the path was broken, so a path that
works again is not tried.
"""

from __future__ import annotations

import sys
import time

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.dependency import DependencyUnavailable
from chaoslab.reference.backend.parts import Parts

FAILURES = 7
BREAKER_TIMES = 10  # ten minutes, if the breaker's open time is one minute


class RestingDatabase(Database):
    """A Database that pauses for a long time after `FAILURES` failed tries to connect in a row."""

    _failures = 0
    _rests_until = 0.0

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect. Raises DependencyUnavailable if that fails, and at once during the pause."""
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

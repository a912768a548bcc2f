# /// defect
# number = 20
# name = "breaker-stuck-open"
# title = "The breaker never goes half-open while it is asked"
# mechanism = """\
#   Each call that it refuses counts as one more failure and begins its open time anew; a \
#   reconnect does not close it."""
# symptom = """\
#   Health is healthy again, and every request is refused for as long as requests keep coming."""
# source = "the incident's papers, defect 20"
# scenarios = ["vpc_outage::severed_under_requests"]
# passes = []
# also = ["keeps_acknowledged", "regains_latency", "ready_when_serving"]
# [primary]
# verdict = "recovers"
# cites = [
#   { code = "proof.none_acknowledged", data = { answer = "circuit breaker open" } },
# ]
# ///
"""A breaker that takes its own refusals for failures of the database.

Its open time runs from the last failure. Users who try again never let it run out.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.breaker import BreakerOpen, CircuitBreaker
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.profiles import Limits


class LastFailureBreaker(CircuitBreaker):
    """Open until `open_s` after the last failure; only calls may close it."""

    def _enter(self) -> bool:
        try:
            return super()._enter()
        except BreakerOpen:
            self._opened_at = self._clock()  # another call that failed
            raise

    def close(self) -> None:
        """A reconnect is no call: it proves nothing of what calls will meet."""


def breaker(limits: Limits) -> CircuitBreaker:
    """The database breaker with the profile's limits."""
    return LastFailureBreaker(
        failures=limits.breaker_failures,
        open_s=limits.breaker_open_s,
        successes=limits.breaker_successes,
    )


if __name__ == "__main__":
    sys.exit(main(parts=Parts(breaker=breaker)))

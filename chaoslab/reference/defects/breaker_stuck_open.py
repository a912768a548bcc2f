# /// defect
# number = 20
# name = "breaker-stuck-open"
# title = "The breaker never becomes half-open while requests arrive"
# mechanism = """\
#   Each call that the breaker refuses counts as one more failure and restarts its open time. \
#   A reconnection does not close it."""
# symptom = """\
#   Health is healthy again, but every request is refused as long as requests keep arriving."""
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
"""A breaker that counts its own refusals as failures of the database.

Its open time starts again at each failure. While users retry, the breaker stays open.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.breaker import BreakerOpen, CircuitBreaker
from chaoslab.reference.backend.parts import Parts


class LastFailureBreaker(CircuitBreaker):
    """A breaker that is open until `open_s` after the last failure; only successful calls close
    it.
    """

    def _enter(self) -> bool:
        try:
            return super()._enter()
        except BreakerOpen:
            self._opened_at = self._clock()  # the refusal counts as a failure
            raise

    def close(self) -> None:
        """Do nothing: a reconnection does not close this breaker."""


if __name__ == "__main__":
    sys.exit(main(parts=Parts(breaker=LastFailureBreaker.from_limits)))

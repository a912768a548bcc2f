# /// defect
# number = 8
# name = "breaker-outlasts-retries"
# title = "The breaker opens before the retries end"
# mechanism = """\
#   The tries of the start-up go through the circuit breaker, as requests do, so each failure \
#   is counted twice: by the call and by the connection. The breaker opens after two of five \
#   tries, and stays open during the others."""
# symptom = """\
#   Start-up ends with `circuit breaker open`; the cause of the failed connections is not \
#   reported."""
# source = "the incident's papers, defect 8"
# scenarios = ["vpc_outage::without_the_bypass[dropped]"]
# also = []
# [primary]
# verdict = "fails_fast"
# cites = [
#   { code = "log.cause_missing" },
#   { code = "app.log_line", data = { log_line = "circuit breaker open" } },
# ]
# ///
"""The circuit breaker also refuses the tries that should find out whether Postgres is reachable."""

from __future__ import annotations

import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.breaker import BreakerOpen
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.dependency import DependencyUnavailable
from chaoslab.reference.backend.parts import Parts


class GuardedDatabase(Database):
    """A Database whose connects all go through the breaker, also those of the start-up."""

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect. Raises DependencyUnavailable if that fails, or if the breaker is open."""
        try:
            with self._breaker.slot(DependencyUnavailable):
                await super().connect(timeout_s)
        except BreakerOpen as refused:
            self._log.warning("not tried: %s", refused)
            raise self.unavailable("circuit breaker open", refused.retry_after_s) from None


if __name__ == "__main__":
    sys.exit(main(parts=Parts(database=GuardedDatabase)))

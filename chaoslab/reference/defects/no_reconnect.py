# /// defect
# number = 24
# name = "no-reconnect"
# title = "Degraded until restarted"
# mechanism = """\
#   Connections are made by start-up alone; the watch looks at what is up and leaves alone what \
#   is down."""
# symptom = "The path is repaired, and the service stays degraded until somebody restarts it."
# source = "the incident's papers, defect 24"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[silent]",
# ]
# passes = []
# also = []
# [primary]
# verdict = "recovers"
# cites = [
#   { code = "link.not_connected", data = { link = "backend.postgres", recorded = true } },
#   { code = "health.names_lost", data = { lost = ["postgres", "redis"] } },
# ]
# ///
"""A watch that reports and does not fix.

To connect was the start-up's work before there was a bypass, and after it nobody's.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.monitor import Monitor
from chaoslab.reference.backend.parts import Parts


class Watch(Monitor):
    """Checks a dependency while it is up; one that is down is start-up's to connect."""

    async def _reconnect(self) -> None:
        status = self.dependency.status
        self._log.debug("%s is still down: %s", status.name, status.error)


if __name__ == "__main__":
    sys.exit(main(parts=Parts(monitor=Watch)))

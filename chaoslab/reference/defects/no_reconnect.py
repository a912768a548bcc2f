# /// defect
# number = 24
# name = "no-reconnect"
# title = "Degraded until restarted"
# mechanism = """\
#   Only start-up connects. The monitor checks dependencies that are up, and does nothing \
#   about those that are down."""
# symptom = "The path works again, but the service stays degraded until somebody restarts it."
# source = "the incident's papers, defect 24"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[silent]",
# ]
# counted = ["vpc_outage::severed_before_start[refused]"]
# passes = []
# also = []
# [primary]
# verdict = "recovers"
# cites = [
#   { code = "link.not_connected", data = { link = "backend.postgres", recorded = true } },
#   { code = "health.names_lost", data = { lost = ["postgres", "redis"] } },
# ]
# ///
"""A monitor that reports that a dependency is down, but does not reconnect it.

Before there was a bypass, start-up made all connections. After a bypass nothing makes them.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.monitor import Monitor
from chaoslab.reference.backend.parts import Parts


class Watch(Monitor):
    """A Monitor that checks a dependency while it is up, and does nothing while it is down."""

    async def _reconnect(self) -> None:
        status = self.dependency.status
        self._log.debug("%s is still down: %s", status.name, status.error)


if __name__ == "__main__":
    sys.exit(main(parts=Parts(monitor=Watch)))

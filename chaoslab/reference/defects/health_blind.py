# /// defect
# number = 14
# name = "health-blind"
# title = "Health is always 200 healthy"
# mechanism = """\
#   After start-up, /health only reports that the process runs, and checks no dependency."""
# symptom = "Every check passes while no request can be served, so nobody is alerted."
# source = "the incident's papers, defect 14"
# scenarios = ["vpc_outage::severed_with_idle_pooled_connections"]
# passes = []
# also = []
# [primary]
# verdict = "degrades"
# cites = [{ code = "health.blind" }]
# ///
"""Health that only reports the process, not its dependencies.

The check was written for the load balancer, which only asks whether the instance answers.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend import VERSION
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.health import Answer, HealthChecks


def overall(backend: Backend) -> Answer:
    """The answer of `/health`: 503 until start-up is complete, then always 200 and healthy."""
    if not backend.record.complete:
        return Answer(status=503, body={"status": "starting", "version": VERSION})
    return Answer(status=200, body={"status": "healthy", "version": VERSION})


if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(overall=overall)))

# /// defect
# number = 14
# name = "health-blind"
# title = "Health is a constant 200 healthy"
# mechanism = """\
#   Once start-up is complete, /health answers for the process alone and looks at no dependency."""
# symptom = "Everything is green while no request can be served; nobody is called."
# source = "the incident's papers, defect 14"
# scenarios = ["vpc_outage::severed_with_idle_pooled_connections"]
# passes = []
# also = []
# [primary]
# verdict = "degrades"
# cites = [{ code = "health.blind" }]
# ///
"""Health that answers for the process, and not for what the process lives on.

The check was written for the balancer, which asks whether the instance answers. It does.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend import VERSION
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.health import Answer, HealthChecks


def overall(backend: Backend) -> Answer:
    """`/health`: 503 until start-up is complete, then 200: the process serves."""
    if not backend.record.complete:
        return Answer(status=503, body={"status": "starting", "version": VERSION})
    return Answer(status=200, body={"status": "healthy", "version": VERSION})


if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(overall=overall)))

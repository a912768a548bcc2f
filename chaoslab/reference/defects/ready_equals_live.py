# /// defect
# number = 19
# name = "ready-equals-live"
# title = "Readiness says ready while nothing can be served"
# mechanism = "After start-up, readiness is answered by the check of liveness."
# symptom = "The balancer keeps sending users to an instance that answers each of them 503."
# source = "the incident's papers, defect 19"
# scenarios = ["vpc_outage::severed_under_requests"]
# passes = []
# also = []
# [primary]
# verdict = "ready_when_serving"
# cites = [
#   { code = "readiness.contradicted", data = { ready = true, status_code = 503 } },
# ]
# ///
"""Says that an instance which has started and lives is ready, even if its database is down.

The code assumes that a dependency can only be missing during start-up.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend import health
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.health import Answer, HealthChecks


def ready(backend: Backend) -> Answer:
    """The answer of `/health/ready`: 503 until start-up is complete, then the answer of
    liveness.
    """
    return health.live(backend) if backend.accepting else health.ready(backend)


if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(ready=ready)))

# /// defect
# number = 19
# name = "ready-equals-live"
# title = "Readiness says ready while nothing can be served"
# mechanism = "The readiness path is served by the check of liveness."
# symptom = "The balancer keeps sending users to an instance that answers each of them 503."
# source = "the incident's papers, defect 19"
# scenarios = ["vpc_outage::severed_under_requests"]
# passes = []
# also = []
# [primary]
# verdict = "ready"
# cites = ["said ready", "were refused"]
# ///
"""One check behind two paths: an instance that lives takes traffic.

The platform asked for both paths, and the second was a copy of the first.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend import health
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.health import HealthChecks

if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(live=health.live, ready=health.live)))

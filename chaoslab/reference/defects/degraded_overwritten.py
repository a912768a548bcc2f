# /// defect
# number = 15
# name = "degraded-overwritten"
# title = "A merge overwrites degraded with healthy"
# mechanism = """\
#   The fields of the service are merged over the result of the checks, and `status` is one of \
#   them."""
# symptom = "Health says healthy, and in the same answer that its dependencies are down."
# source = "the incident's papers, defect 15"
# scenarios = ["vpc_outage::severed_with_idle_pooled_connections"]
# passes = []
# also = []
# [primary]
# verdict = "degrades"
# cites = [
#   { code = "health.never_degraded" },
#   { code = "health.contradicted" },
# ]
# ///
"""A health body made of two parts; the second part overwrites fields of the first.

The checks say `degraded`; the part about the process, merged last, says `healthy`.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend import VERSION, health
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.health import Answer, HealthChecks


def process(backend: Backend) -> dict[str, object]:
    """The part of the health answer about the process: status, version and uptime."""
    return {
        "status": "healthy" if backend.record.complete else "starting",
        "version": VERSION,
        "uptime_s": round(backend.record.lasted_s, 3),
    }


def overall(backend: Backend) -> Answer:
    """The answer of `/health`: the result of the checks, with the fields of `process` merged over
    it.
    """
    found = health.overall(backend)
    return Answer(status=found.status, body={**found.body, **process(backend)})


if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(overall=overall)))

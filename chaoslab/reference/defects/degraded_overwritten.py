# /// defect
# number = 15
# name = "degraded-overwritten"
# title = "A merge overwrites degraded with healthy"
# mechanism = """\
#   The service's own fields are laid over the result of the checks, and `status` is one of them."""
# symptom = "Health says healthy and, in the same answer, that its dependencies are down."
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
"""A health body made of two halves, of which the second wins where both have a word.

The checks say `degraded`; the half about the process, merged last, says `healthy`.
"""

from __future__ import annotations

import sys

from chaoslab.reference.backend import VERSION, health
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.health import Answer, HealthChecks


def process(backend: Backend) -> dict[str, object]:
    """What the process knows of itself."""
    return {
        "status": "healthy" if backend.record.complete else "starting",
        "version": VERSION,
        "uptime_s": round(backend.record.lasted_s, 3),
    }


def overall(backend: Backend) -> Answer:
    """`/health`: what the checks found, together with what the process knows of itself."""
    found = health.overall(backend)
    return Answer(status=found.status, body={**found.body, **process(backend)})


if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(overall=overall)))

# /// defect
# number = 18
# name = "crashed-check-dropped"
# title = "A health check that raises is left out, and the rest is healthy"
# mechanism = """\
#   The checks are gathered with their exceptions, and only results that are not exceptions \
#   are put into the answer."""
# symptom = "A lost dependency is missing from health, and health says healthy for the others."
# source = "the incident's papers, defect 18"
# scenarios = ["running::one_link_fails[postgres]"]
# passes = []
# also = []
# [primary]
# verdict = "degrades"
# cites = [{ code = "health.no_longer_named", data = { names = ["postgres"] } }]
# ///
"""Makes the health answer without the checks that fail.

A broken check should not break the answers of the others. So it is left out, and the status is made
from the other checks.
"""

from __future__ import annotations

import asyncio
import sys

from chaoslab.reference.backend import health
from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.cache import Cache
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.health import Answer, HealthChecks


async def check(dependency: Database | Cache | None) -> dict[str, str | None]:
    """The status and the last error of one dependency. Raises DependencyUnavailable if it is
    down.
    """
    if dependency is None:
        return dict(health.NOT_CONNECTED)
    if not dependency.status.up:
        raise dependency.unavailable(dependency.status.error or "down")
    return dependency.status.as_json()


async def overall(backend: Backend) -> Answer:
    """The answer of `/health`: 200, healthy if every check that did not raise says up, else
    degraded.
    """
    found = health.overall(backend)
    if found.status != 200:
        return found
    names = ("postgres", "redis")
    results = await asyncio.gather(
        check(backend.database), check(backend.cache), return_exceptions=True
    )
    states = {
        name: result
        for name, result in zip(names, results, strict=True)
        if not isinstance(result, BaseException)
    }
    healthy = all(state["status"] == "up" for state in states.values())
    status = "healthy" if healthy else "degraded"
    return Answer(status=200, body=found.body | {"status": status, "dependencies": states})


if __name__ == "__main__":
    sys.exit(main(health=HealthChecks(overall=overall)))

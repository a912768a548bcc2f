# /// defect
# number = 18
# name = "crashed-check-dropped"
# title = "A check that raises is left out, and the rest is healthy"
# mechanism = """\
#   The checks are gathered with their exceptions, and only what is no exception goes into the \
#   answer."""
# symptom = "A lost dependency vanishes from health, which says healthy for those that are left."
# source = "the incident's papers, defect 18"
# scenarios = ["running::one_link_fails[postgres]"]
# passes = []
# also = []
# [primary]
# verdict = "degrades"
# cites = [{ code = "health.no_longer_named", data = { names = ["postgres"] } }]
# ///
"""Health from checks that run side by side, of which those that fail are forgotten.

One broken check should not take the others' answers with it. So it is filtered out, and the state
is made of what remains.
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
    """The state of one dependency. Raises DependencyUnavailable where it is not up."""
    if dependency is None:
        return dict(health.NOT_CONNECTED)
    if not dependency.status.up:
        raise dependency.unavailable(dependency.status.error or "down")
    return dependency.status.as_json()


async def overall(backend: Backend) -> Answer:
    """`/health`: 200 healthy when every check says so, else degraded."""
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

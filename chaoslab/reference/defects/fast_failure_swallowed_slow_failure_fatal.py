# /// defect
# number = 6
# name = "fast-failure-swallowed-slow-failure-fatal"
# title = "Refused is a warning, hung is fatal"
# mechanism = """\
#   The DATABASE phase has a time-out of its own around its tries. What a quick refusal raises \
#   is known to the bypass; the TimeoutError of a hang is not."""
# symptom = """\
#   With the port refused it starts degraded; with the path silent it ends with exit status 3."""
# source = "the incident's papers, defect 6"
# scenarios = [
#   "vpc_outage::severed_before_start[dropped]",
#   "vpc_outage::severed_before_start[silent]",
# ]
# passes = ["vpc_outage::severed_before_start[refused]"]
# also = ["degraded", "recovery"]
# [primary]
# verdict = "boot"
# cites = ["exited with 3", "start-up failed in phase database: TimeoutError"]
# ///
"""A hang ends in another exception than a refusal, and the bypass knows only the one."""

from __future__ import annotations

import asyncio
import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.phases import database, phases_with


async def run(backend: Backend) -> None:
    """Nobody waits longer for the database than a request would."""
    async with asyncio.timeout(backend.settings.limits.pool_wait_s):
        await database.run(backend)


if __name__ == "__main__":
    sys.exit(main(phases=phases_with("database", run)))

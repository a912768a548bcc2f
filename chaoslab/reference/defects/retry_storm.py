# /// defect
# number = 26
# name = "retry-storm"
# title = "No back-off and no jitter: a storm of connects, during the outage and after it"
# mechanism = """\
#   Ten reconnection tasks run in parallel. Each tries again after the same short pause, and \
#   each that succeeds opens a pool."""
# symptom = """\
#   A database that is down gets hundreds of connects a second, and dozens at once when it is \
#   up again."""
# source = "the incident's papers, defect 26"
# scenarios = ["retries::stopped_database_is_not_stormed"]
# passes = []
# also = []
# [primary]
# verdict = "backs_off"
# cites = [
#   { code = "retry.rate", data = { link = "backend.postgres" } },
#   { code = "retry.pauses", data = { grow = false } },
# ]
# ///
"""Reconnection by ten tasks in parallel, with a short constant pause.

The idea was to reconnect as early as possible.
"""

from __future__ import annotations

import asyncio
import sys

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.backoff import Backoff
from chaoslab.reference.backend.database import Database
from chaoslab.reference.backend.monitor import Monitor
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.profiles import Limits

TASKS = 10


class OwnTryDatabase(Database):
    """A Database in which every caller of `connect` makes its own try; callers do not share one."""

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect to Postgres and open a new pool. Raises DependencyUnavailable if that fails."""
        await self._connect(timeout_s or self.attempt_s)


class EagerMonitor(Monitor):
    """A Monitor that reconnects with several tasks at the same time."""

    async def _reconnect(self) -> None:
        reconnect = super()._reconnect
        await asyncio.gather(*(reconnect() for _ in range(TASKS)))


def constant(limits: Limits) -> Backoff:
    """A back-off with the same short pause between all tries."""
    base_s = limits.retry_base_s
    return Backoff(base_s=base_s, cap_s=base_s, factor=1.0, jitter=0.0)


if __name__ == "__main__":
    parts = Parts(database=OwnTryDatabase, monitor=EagerMonitor, postgres_backoff=constant)
    sys.exit(main(parts=parts))

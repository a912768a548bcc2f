# /// defect
# number = 21
# name = "half-open-wedge"
# title = "Cancelled probes use up the half-open slots forever"
# mechanism = """\
#   A half-open slot is freed when its call succeeds or fails. The request's time-out is \
#   outside of the slot, so a call that hangs is cancelled: it neither succeeds nor fails."""
# symptom = """\
#   After an outage in which requests hung, health is healthy and every request is refused \
#   until a restart."""
# source = "the incident's papers, defect 21"
# scenarios = ["vpc_outage::requests_hang_for_long"]
# passes = ["vpc_outage::severed_with_idle_pooled_connections"]
# also = ["keeps_acknowledged"]
# [primary]
# verdict = "recovers"
# cites = [
#   { code = "proof.none_acknowledged", data = { answer = "circuit breaker open" } },
# ]
# ///
"""A breaker that never frees the slot of a cancelled probe.

While Postgres is unreachable, a request waits for the next pool within an outer time-out. If the
time-out cancels the one half-open probe, no second one is ever allowed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from chaoslab.reference.backend.__main__ import main
from chaoslab.reference.backend.breaker import BreakerOpen, CircuitBreaker
from chaoslab.reference.backend.database import Database, Work
from chaoslab.reference.backend.parts import Parts

T = TypeVar("T")
POLL_S = 0.01


class CountingBreaker(CircuitBreaker):
    """A breaker that, while half-open, allows `successes` probes at a time; only the results of
    these probes open or close it then.
    """

    _trials = 0

    @contextmanager
    def slot(self, *counts: type[BaseException]) -> Iterator[None]:
        """Run one call, the block. Without an exception the call is a success, with one of `counts`
        a failure.

        After any other exception the slot of a half-open probe is not freed.
        """
        trial = self._enter()
        try:
            yield
        except counts:
            self._trials -= trial
            super().failure()
            raise
        else:
            self._trials -= trial
            self.success()

    def _enter(self) -> bool:
        if self.state != "half_open":
            return super()._enter()
        if self._trials >= self._needed:
            raise BreakerOpen(min(1.0, self._open_s))
        self._trials += 1
        return True

    def failure(self) -> None:
        """Count a failure outside of a call, if the breaker is closed; else do nothing."""
        if self.state == "closed":
            super().failure()

    def close(self) -> None:
        """Do nothing: a reconnection does not close this breaker; the next probe decides."""


class PatientDatabase(Database):
    """A Database whose requests wait, up to a balancer's interval, until the monitor has made a new
    pool.
    """

    async def run(self, work: Work[T]) -> T:
        """Run `work` as `Database.run` does, but end within the interval between two checks of
        Postgres. Raises DependencyUnavailable at that limit.
        """
        limit_s = self._limits.postgres_check_every_s
        try:
            async with asyncio.timeout(limit_s):
                return await super().run(work)
        except TimeoutError:
            raise self.unavailable(f"no answer within {limit_s:.2g} s") from None

    async def _with_one_retry(self, work: Work[T]) -> T:
        while self._pool is None:  # noqa: ASYNC110 - a pool is no event
            await asyncio.sleep(POLL_S)
        return await super()._with_one_retry(work)


if __name__ == "__main__":
    parts = Parts(breaker=CountingBreaker.from_limits, database=PatientDatabase)
    sys.exit(main(parts=parts))

# /// defect
# number = 21
# name = "half-open-wedge"
# title = "Cancelled probes use up the half-open slots for ever"
# mechanism = """\
#   A half-open slot is given back when its call succeeds or fails. The request's time-out lies \
#   around the slot, so a call that hangs is cancelled and does neither."""
# symptom = """\
#   After an outage in which requests hung, health is healthy and every request is refused until \
#   a restart."""
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
"""A breaker that counts its probes out and, where one is cancelled, never in again.

While Postgres is away a request waits for the next pool, within a time-out around everything. What
it cancels in half-open was the one probe, and no second one is ever let through.
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
from chaoslab.reference.backend.profiles import Limits

T = TypeVar("T")
LOOK_S = 0.01


class CountingBreaker(CircuitBreaker):
    """Lets `successes` probes through at a time while half-open; they alone decide there."""

    _trials = 0

    @contextmanager
    def slot(self, *counts: type[BaseException]) -> Iterator[None]:
        """Run one call; a clean end is a success, one of `counts` a failure."""
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
        """A failure outside of a call: it opens what is closed."""
        if self.state == "closed":
            super().failure()

    def close(self) -> None:
        """A reconnect outside of a call: the next probe will tell."""


class PatientDatabase(Database):
    """Requests wait for the pool that the monitor brings back, up to a balancer's interval."""

    async def run(self, work: Work[T]) -> T:
        """As ever, within the limit."""
        limit_s = self._limits.postgres_check_every_s
        try:
            async with asyncio.timeout(limit_s):
                return await super().run(work)
        except TimeoutError:
            raise self.unavailable(f"no answer within {limit_s:.2g} s") from None

    async def _with_second_chance(self, work: Work[T]) -> T:
        while self._pool is None:  # noqa: ASYNC110 - a pool is no event
            await asyncio.sleep(LOOK_S)
        return await super()._with_second_chance(work)


def breaker(limits: Limits) -> CircuitBreaker:
    """The database breaker with the profile's limits."""
    return CountingBreaker(
        failures=limits.breaker_failures,
        open_s=limits.breaker_open_s,
        successes=limits.breaker_successes,
    )


if __name__ == "__main__":
    sys.exit(main(parts=Parts(breaker=breaker, database=PatientDatabase)))

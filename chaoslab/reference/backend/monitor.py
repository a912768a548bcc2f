"""Watches a dependency: checks it while it is up, reconnects with back-off while it is down."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from itertools import islice

from chaoslab.reference.backend.backoff import Backoff
from chaoslab.reference.backend.dependency import Dependency, DependencyUnavailable


class Monitor:
    """The background task of one dependency. Cancel it to end it."""

    def __init__(self, dependency: Dependency, *, every_s: float, backoff: Backoff) -> None:
        self.dependency = dependency
        self._every_s, self._backoff = every_s, backoff
        self._log = logging.getLogger("backend.monitor")

    async def run(self) -> None:
        """Check the dependency while it is up, reconnect it while it is down, without end.

        If a check raises an error, the dependency counts as down.
        """
        status = self.dependency.status
        delays: Iterator[float] | None = None
        while True:
            began = time.monotonic()
            if status.up:
                delays = None
                await self._pause(began + self._every_s)
                if status.up:
                    await self._check()
            else:
                delays = delays or self._backoff.delays()
                await self._pause(began + next(delays))
                if not status.up:
                    await self._reconnect()

    async def _check(self) -> None:
        try:
            await self.dependency.check()
        except Exception as error:
            self.dependency.status.is_down(f"its check broke: {error!r}")

    async def _reconnect(self) -> None:
        try:
            await self.dependency.connect()
        except DependencyUnavailable as error:
            self._log.debug("%s", error)
        except Exception as error:
            self._log.exception("reconnecting %s broke", self.dependency.status.name)
            self.dependency.status.is_down(f"reconnecting broke: {error!r}")

    async def _pause(self, until: float) -> None:
        """Wait until the time `until`, or until the status changes or a check is requested."""
        changed = self.dependency.status.changed
        changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                await changed.wait()


async def connect_with_retries(
    dependency: Dependency,
    *,
    limit_s: float,
    abandon_s: float,
    attempt_s: float,
    tries: int,
    backoff: Backoff,
) -> None:
    """Connect to a dependency within `limit_s`, in up to `tries` tries of `attempt_s` each.

    The last try gets all the remaining time. If the dependency is reached but its preparation takes
    longer than `abandon_s` in all, it is abandoned. Raises DependencyUnavailable if there is no
    usable connection.
    """
    causes: list[str] = []
    try:
        async with asyncio.timeout(abandon_s) as whole:
            await _try_again(
                dependency,
                limit_s=limit_s,
                attempt_s=attempt_s,
                delays=list(islice(backoff.delays(), tries)),
                causes=causes,
            )
    except TimeoutError:
        if not whole.expired():
            raise
        cause = causes[-1] if causes else "reached, but not usable in time"
        raise dependency.unavailable(f"{cause} (given up after {abandon_s:.2g} s)") from None


async def _try_again(
    dependency: Dependency,
    *,
    limit_s: float,
    attempt_s: float,
    delays: Sequence[float],
    causes: list[str],
) -> None:
    log = logging.getLogger("backend.startup")
    deadline = time.monotonic() + limit_s
    for number, delay in enumerate(delays, 1):
        began = time.monotonic()
        left_s = deadline - began
        last = number == len(delays)
        try:
            await dependency.connect(left_s if last else min(attempt_s, left_s))
            return
        except DependencyUnavailable as error:
            log.warning("try %d of %d: %s", number, len(delays), error)
            causes.append(error.cause)
            pause_s = max(0.0, began + delay - time.monotonic())
            # A much shorter try would end with a time-out, which would hide the cause.
            if last or time.monotonic() + pause_s > deadline - attempt_s / 4:
                raise
        await asyncio.sleep(pause_s)

"""A circuit breaker: after some failures in a row, callers are refused at once for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, Self

from chaoslab.reference.backend.profiles import Limits

State = Literal["closed", "open", "half_open"]


class BreakerOpen(Exception):
    """The call was refused without a try; it may be tried again after `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"circuit breaker open, next try in {retry_after_s:.1f} s")


class CircuitBreaker:
    """Opens after `failures` in a row; half-open after `open_s` seconds; closes after `successes`.

    While half-open, at most `successes` calls may run at a time. A call that neither succeeds nor
    fails (it was cancelled, or the caller made a mistake) frees its slot. One failure while
    half-open opens the breaker again. Not thread-safe: it belongs to one event loop.
    """

    def __init__(
        self,
        *,
        failures: int,
        open_s: float,
        successes: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold, self._open_s, self._needed = failures, open_s, successes
        self._clock = clock
        self._failures = 0
        self._successes = 0
        self._probes = 0
        self._opened_at: float | None = None
        self._epoch = 0  # the result of a call that began before the last change does not count

    @classmethod
    def from_limits(cls, limits: Limits) -> Self:
        """A breaker for the database, made with the limits of the profile."""
        return cls(
            failures=limits.breaker_failures,
            open_s=limits.breaker_open_s,
            successes=limits.breaker_successes,
        )

    @property
    def state(self) -> State:
        """The state now: closed, open or half_open."""
        if self._opened_at is None:
            return "closed"
        return "open" if self.retry_after_s > 0 else "half_open"

    @property
    def retry_after_s(self) -> float:
        """Seconds until the breaker is half-open; 0 if it is not open."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._open_s - self._clock())

    @contextmanager
    def slot(self, *counts: type[BaseException]) -> Iterator[None]:
        """Run one call, the block. Without an exception the call is a success, with one of `counts`
        a failure.

        Any other exception counts as neither. Raises BreakerOpen if the call may not be tried now.
        """
        probing = self._enter()
        epoch = self._epoch
        try:
            yield
        except counts:
            if epoch == self._epoch:
                self.failure()
            raise
        else:
            if epoch == self._epoch:
                self.success()
        finally:
            if probing and epoch == self._epoch:
                self._probes -= 1

    def _enter(self) -> bool:
        """Whether a call that begins now is one of the few that are allowed while half-open. Raises
        BreakerOpen if the call may not be tried.
        """
        if self._opened_at is None:
            return False
        if self.retry_after_s > 0:
            raise BreakerOpen(self.retry_after_s)
        if self._probes >= self._needed:
            raise BreakerOpen(min(1.0, self._open_s))
        self._probes += 1
        return True

    def failure(self) -> None:
        """Count one failure. Enough failures in a row, or one while half-open, open the breaker;
        while it is open, nothing is counted.
        """
        if self._opened_at is not None and self.retry_after_s > 0:
            return
        self._failures += 1
        if self._opened_at is not None or self._failures >= self._threshold:
            self._move(self._clock())

    def success(self) -> None:
        """Count one success; while open or half-open, enough of them close the breaker."""
        self._failures = 0
        if self._opened_at is not None:
            self._successes += 1
            if self._successes >= self._needed:
                self._move(None)

    def close(self) -> None:
        """Close the breaker now. Called after a reconnection, which shows that the path works."""
        self._failures = 0
        if self._opened_at is not None:
            self._move(None)

    def _move(self, opened_at: float | None) -> None:
        self._opened_at = opened_at
        self._failures = self._successes = self._probes = 0
        self._epoch += 1

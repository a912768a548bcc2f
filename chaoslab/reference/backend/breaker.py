"""A circuit breaker: after some failures in a row, callers are refused at once for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

State = Literal["closed", "open", "half_open"]


class BreakerOpen(Exception):
    """The call was refused without being tried; `retry_after_s` says when to come again."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"circuit breaker open, next try in {retry_after_s:.1f} s")


class CircuitBreaker:
    """Closed, open after `failures` in a row, half-open after `open_s`, closed by `successes`.

    Half-open lets `successes` calls through at a time. A slot that ends without a verdict (the
    caller went away, or made a mistake of its own) is given back. One failure in half-open opens
    it again. Not thread-safe: it belongs to one event loop.
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
        self._epoch = 0  # a verdict of a call that began before the last change says nothing now

    @property
    def state(self) -> State:
        """What a call would meet now."""
        if self._opened_at is None:
            return "closed"
        return "open" if self.retry_after_s > 0 else "half_open"

    @property
    def retry_after_s(self) -> float:
        """Seconds until a call is let through again; 0 when it is not open."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._open_s - self._clock())

    @contextmanager
    def slot(self, *counts: type[BaseException]) -> Iterator[None]:
        """Run one call. A clean end is a success, one of `counts` a failure, all else no verdict.

        Raises BreakerOpen when the call may not be tried.
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
        """Whether this call is a half-open probe; raises BreakerOpen when it may not be tried."""
        if self._opened_at is None:
            return False
        if self.retry_after_s > 0:
            raise BreakerOpen(self.retry_after_s)
        if self._probes >= self._needed:
            raise BreakerOpen(min(1.0, self._open_s))
        self._probes += 1
        return True

    def failure(self) -> None:
        """Count one failure; opens when there were enough in a row, or at once from half-open."""
        if self._opened_at is not None and self.retry_after_s > 0:
            return
        self._failures += 1
        if self._opened_at is not None or self._failures >= self._threshold:
            self._move(self._clock())

    def success(self) -> None:
        """Count one success; while open or half-open, enough of them close it."""
        self._failures = 0
        if self._opened_at is not None:
            self._successes += 1
            if self._successes >= self._needed:
                self._move(None)

    def close(self) -> None:
        """Close it now: the path was proved good by other means than a request."""
        self._failures = 0
        if self._opened_at is not None:
            self._move(None)

    def _move(self, opened_at: float | None) -> None:
        self._opened_at = opened_at
        self._failures = self._successes = self._probes = 0
        self._epoch += 1

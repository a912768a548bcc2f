"""Exponential back-off with jitter, and the time-out with which all tries fit into a limit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from chaoslab.reference.backend.profiles import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The delays between tries: `base_s * factor**n`, at most `cap_s`, and each made longer by a
    random part, up to `jitter` times itself.

    This part is added after the cap, so that clients which have all reached the cap do not retry at
    the same time. A delay is counted from the *start* of one try to the start of the next.
    """

    base_s: float
    cap_s: float
    factor: float = 2.0
    jitter: float = 0.5

    @classmethod
    def startup(cls, limits: Limits) -> Backoff:
        """The back-off between the tries of a start-up, and later between the reconnections to
        Postgres.
        """
        return cls(
            base_s=limits.retry_base_s,
            cap_s=limits.retry_cap_s,
            factor=limits.retry_factor,
            jitter=limits.retry_jitter,
        )

    @classmethod
    def redis(cls, limits: Limits) -> Backoff:
        """The back-off between the reconnections to Redis."""
        return replace(
            cls.startup(limits),
            base_s=limits.redis_backoff_base_s,
            cap_s=limits.redis_backoff_cap_s,
        )

    def delays(self, rng: random.Random | None = None) -> Iterator[float]:
        """Yield the delays in seconds, without end."""
        draw = rng or random.Random()
        plain = self.base_s
        while True:
            yield min(plain, self.cap_s) * (1.0 + self.jitter * draw.random())
            plain = min(plain * self.factor, self.cap_s)

    def longest(self, tries: int) -> list[float]:
        """The longest possible delays between `tries` tries, in seconds: one fewer than the
        tries.
        """
        plain = (min(self.base_s * self.factor**n, self.cap_s) for n in range(tries - 1))
        return [delay * (1.0 + self.jitter) for delay in plain]

    def attempt_limit(self, limit_s: float, tries: int) -> float:
        """The longest time-out of a try, in seconds, with which `tries` hanging tries fit into
        `limit_s`.

        If the delays alone fill the limit, the result is an equal share of the limit.
        """
        gaps = self.longest(tries)
        low, high = limit_s / (tries * 4), limit_s
        if sum(max(low, gap) for gap in gaps) + low > limit_s:
            return limit_s / tries
        for _ in range(40):
            middle = (low + high) / 2
            fits = sum(max(middle, gap) for gap in gaps) + middle <= limit_s
            low, high = (middle, high) if fits else (low, middle)
        return low

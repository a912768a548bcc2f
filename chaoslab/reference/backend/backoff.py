"""Exponential back-off with jitter, and the time-out that lets all tries fit into a limit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Delays `base_s * factor**n`, capped, then lengthened by up to `jitter` of themselves.

    The jitter lies on top of the cap, so that clients which have all reached the cap still spread.
    A delay is meant from the *start* of one try to the start of the next: time that a try spent
    hanging has already spared the server.
    """

    base_s: float
    cap_s: float
    factor: float = 2.0
    jitter: float = 0.5

    def delays(self, rng: random.Random | None = None) -> Iterator[float]:
        """The delays in seconds, without end."""
        draw = rng or random.Random()
        plain = self.base_s
        while True:
            yield min(plain, self.cap_s) * (1.0 + self.jitter * draw.random())
            plain = min(plain * self.factor, self.cap_s)

    def longest(self, tries: int) -> list[float]:
        """The longest delays that may lie between `tries` tries, in seconds."""
        plain = (min(self.base_s * self.factor**n, self.cap_s) for n in range(tries - 1))
        return [delay * (1.0 + self.jitter) for delay in plain]

    def attempt_limit(self, limit_s: float, tries: int) -> float:
        """The longest time-out per try, in seconds, with which `tries` hanging tries fit `limit_s`.

        Where the back-offs alone fill the limit, an equal share of it.
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

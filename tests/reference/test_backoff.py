"""Back-off delays, and the time-out with which all tries fit."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from chaoslab.reference.backend.backoff import Backoff
from chaoslab.reference.backend.profiles import PROFILES


def test_delays_double_up_to_the_cap_and_stay_there() -> None:
    """Without jitter, the incident's 2, 4, 8, 16, 30, 30 s."""
    delays = Backoff(base_s=2, cap_s=30, jitter=0).delays()
    assert list(islice(delays, 6)) == [2, 4, 8, 16, 30, 30]


def test_jitter_lengthens_by_at_most_half_and_never_shortens() -> None:
    """At the cap too, so that clients do not retry at the same time."""
    backoff = Backoff(base_s=2, cap_s=30, jitter=0.5)
    rng = random.Random(7)
    at_cap = [list(islice(backoff.delays(rng), 6))[-1] for _ in range(200)]
    assert all(30 <= delay <= 45 for delay in at_cap)
    assert max(at_cap) - min(at_cap) > 10


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_all_hanging_tries_with_the_longest_delays_fit_the_connect_limit(profile: str) -> None:
    """And they use most of it: the time-out of a try is not too short."""
    limits = PROFILES[profile]
    backoff = Backoff.startup(limits)
    attempt_s = backoff.attempt_limit(limits.connect_s, limits.retry_tries)
    gaps = [max(attempt_s, delay) for delay in backoff.longest(limits.retry_tries)]
    total_s = sum(gaps) + attempt_s
    assert 0.95 * limits.connect_s <= total_s <= limits.connect_s * 1.0001


def test_if_the_delays_alone_fill_the_limit_each_try_gets_an_equal_share() -> None:
    """A short limit with a profile's back-off still gives a usable time-out."""
    assert Backoff(base_s=10, cap_s=30).attempt_limit(5, 5) == pytest.approx(1.0)

"""Postgres answers slowly. Below the app's limits that must not count as a lost database.

In the incident responses took 1 s, 5 to 10 s, and over 15 s; the profile `lab` divides by 40.
"""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Slow, Throttled, expect, when

pytestmark = pytest.mark.slow_database

LAB_FACTOR = 40
HOLD_S = 1.5  # two rounds of the app's own checks


@pytest.mark.parametrize("response_s", [1, 5])
async def test_slow_responses_are_survived(chaos: Chaos, response_s: int) -> None:
    """Answers are late but within the limits: the app starts as usual and stays healthy."""
    await chaos.run(
        Slow(
            target="backend.postgres",
            latency_s=response_s / LAB_FACTOR,
            jitter_s=response_s / LAB_FACTOR / 5,
            stop=when.started(HOLD_S),
        ),
        expect=[
            expect.Starts(mode="normal", startup_mode="normal"),
            expect.StaysAvailable(),
            expect.Recovers(),
        ],
    )


async def test_responses_beyond_fifteen_seconds_are_told(chaos: Chaos) -> None:
    """Answers take longer than the app waits: it reports degraded and recovers."""
    await chaos.run(
        Slow(target="backend.postgres", latency_s=20 / LAB_FACTOR, stop=when.degraded(HOLD_S)),
        expect=[
            expect.Starts(mode="degraded"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
        ],
    )


async def test_slow_only_upstream(chaos: Chaos) -> None:
    """Only the data that the app sends is delayed; the answers are not."""
    await chaos.run(
        Slow(
            target="backend.postgres",
            latency_s=3 / LAB_FACTOR,
            streams=("upstream",),
            stop=when.started(HOLD_S),
        ),
        expect=[expect.Starts(mode="normal"), expect.StaysAvailable(), expect.Recovers()],
    )


async def test_a_trickle(chaos: Chaos) -> None:
    """Answers arrive at a few kilobytes a second."""
    await chaos.run(
        Throttled(target="backend.postgres", rate_kb_per_s=8, stop=when.started(HOLD_S)),
        expect=[expect.Starts(mode="normal"), expect.StaysAvailable(), expect.Recovers()],
    )

"""While the database is down or slow, the app retries with pauses and leaves no connection open.

Both are observed outside the app: the proxy counts its attempts, the server its connections.
"""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Load, Slow, Stopped, expect, when

pytestmark = pytest.mark.retries

HOLD_S = 1.5  # long enough for a rate
SLOW_S = 1.5  # longer than the app waits for a connect, or for an answer


async def test_stopped_database_is_not_stormed(chaos: Chaos) -> None:
    """Postgres is down under requests: few attempts with pauses, and no burst after the heal."""
    await chaos.run(
        Stopped(
            target="postgres",
            start=when.acknowledged(5),
            stop=when.lost("postgres", after_s=HOLD_S),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
            expect.BacksOff(),
            expect.KeepsAcknowledged(at_least=10),
            expect.RefusesHonestly(),
        ],
    )


async def test_slow_answers_leak_nothing(chaos: Chaos) -> None:
    """Each attempt times out while the server still works on it: no connection is left open."""
    await chaos.run(
        Slow(
            target="backend.postgres",
            latency_s=SLOW_S,
            start=when.acknowledged(5),
            stop=when.lost("postgres", after_s=2 * HOLD_S),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
            expect.ReleasesConnections(),
            expect.KeepsAcknowledged(at_least=10),
            expect.RefusesHonestly(at_least=0),
        ],
    )

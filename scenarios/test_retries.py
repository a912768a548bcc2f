"""How the app treats a database that is away, or slow: with patience, and without leaving litter.

Both are counted outside of the app: its tries by the proxy, its connections by the server itself.
"""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Load, Slow, Stopped, expect, when

pytestmark = pytest.mark.retries

HOLD_S = 1.5  # long enough for a rate
SLOW_S = 1.5  # longer than the app waits for a connect, or for an answer


async def test_stopped_database_is_not_stormed(chaos: Chaos) -> None:
    """Postgres is down under requests: a few tries with pauses between, and no herd afterwards."""
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
    """Each try is given up while the server still works on it: nobody is left behind on it."""
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

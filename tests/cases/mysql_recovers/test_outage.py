"""An outage of MySQL under load."""

from __future__ import annotations

from chaoslab import Load, Severed, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_outage(chaos: Chaos) -> None:
    """It says so, comes back, keeps what it acknowledged, and lets its connections go."""
    await chaos.run(
        Severed(
            target="app.mysql",
            mode="refused",
            start=when.acknowledged(10),
            stop=when.lost("database", after_s=1),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("database",)),
            expect.Recovers(stable_s=1.5),
            expect.KeepsAcknowledged(at_least=20),
            expect.ReleasesConnections(),
        ],
    )

"""The path to the database is cut, and the writes go on."""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def test_outage(chaos: Chaos) -> None:
    """The app degrades and recovers, and keeps what it has acknowledged."""
    await chaos.run(
        Severed(
            target="app.postgres",
            mode="refused",
            start=when.acknowledged(20),
            stop=when.lost("database", after_s=2),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("database",)),
            expect.AnswersInTime(),
            expect.Recovers(stable_s=1.5),
            expect.KeepsAcknowledged(at_least=40),
            expect.Serves(),
            expect.ReleasesConnections(),
        ],
    )

"""A path that falls silent, and comes back for new connections only."""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def test_connections_stay_dead(chaos: Chaos) -> None:
    """It serves again, though nothing says that its connections are dead."""
    await chaos.run(
        Severed(
            name="outage",
            target="postgres",
            mode="dropped",
            at_heal="dead",
            start=when.acknowledged(10),
            stop=when.in_force("outage", 2),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Recovers(),
            expect.Serves(),
        ],
    )

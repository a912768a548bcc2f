"""An outage of Postgres that resets the connection of the session."""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def test_path_is_refused(chaos: Chaos) -> None:
    """It serves again."""
    await chaos.run(
        Severed(
            name="outage",
            target="postgres",
            mode="refused",
            start=when.acknowledged(10),
            stop=when.lost("postgres", after_s=1),
        ),
        load=[Load(start=when.healthy(), rate_per_s=30)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
            expect.Serves(),
        ],
    )

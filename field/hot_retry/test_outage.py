"""An outage of Postgres while jobs wait."""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def test_path_is_refused(chaos: Chaos) -> None:
    """It tries again, and costs little more than on a good day."""
    await chaos.run(
        Severed(
            name="outage",
            target="postgres",
            mode="refused",
            start=when.healthy(2),
            stop=when.lost("postgres", after_s=2),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.BacksOff(),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=20),
            expect.BoundedCost(commands_per_s=500, log_lines_per_s=500),
        ],
    )

"""An outage of Postgres, which a restart of the app does not end."""

from __future__ import annotations

from chaoslab import Load, Severed, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_path_is_refused(chaos: Chaos) -> None:
    """It says that it is degraded, stays live, and comes back by itself."""
    await chaos.run(
        Severed(
            name="outage",
            target="postgres",
            mode="refused",
            start=when.acknowledged(10),
            stop=when.in_force("outage", 2),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.StaysLive(),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=10),
        ],
    )

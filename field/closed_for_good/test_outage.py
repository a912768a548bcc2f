"""An outage of MySQL."""

from __future__ import annotations

from chaoslab import Load, Severed, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_path_is_refused(chaos: Chaos) -> None:
    """It says so, comes back, and keeps what it acknowledged."""
    await chaos.run(
        Severed(
            name="outage",
            target="mysql",
            mode="refused",
            start=when.acknowledged(10),
            stop=when.in_force("outage", 1),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("mysql",)),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=10),
        ],
    )

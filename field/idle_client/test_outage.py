"""An outage of Postgres that ends the connections of an idle pool."""

from __future__ import annotations

from chaoslab import Load, Severed, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_path_is_refused(chaos: Chaos) -> None:
    """The process runs on, says that it is degraded, and comes back."""
    await chaos.run(
        Severed(
            name="outage",
            target="postgres",
            mode="refused",
            start=when.acknowledged(10, after_s=0.05),  # the pool's clients are idle then
            stop=when.in_force("outage", 1),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.StaysAvailable(healthy=False),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=10),
        ],
    )

"""An outage of RabbitMQ."""

from __future__ import annotations

from chaoslab import Severed, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_outage(chaos: Chaos) -> None:
    """It says so, and comes back."""
    await chaos.run(
        Severed(
            target="app.rabbitmq",
            mode="refused",
            start=when.healthy(0.5),
            stop=when.lost("queue", after_s=1),
        ),
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("queue",)),
            expect.Recovers(stable_s=1.5),
        ],
    )

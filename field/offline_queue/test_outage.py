"""An outage of Redis."""

from __future__ import annotations

from chaoslab import Load, Severed, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_path_is_refused(chaos: Chaos) -> None:
    """It answers each request in time while Redis is lost, says so, and comes back."""
    await chaos.run(
        Severed(
            name="outage",
            target="redis",
            mode="refused",
            start=when.acknowledged(5),
            stop=when.in_force("outage", 2.5),
        ),
        load=[Load(start=when.healthy(), stop=when.healed("outage"))],
        expect=[
            expect.Starts(mode="normal"),
            expect.AnswersRequests(within_s=1),
            expect.AnswersInTime(),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(),
        ],
    )

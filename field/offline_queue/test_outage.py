"""An outage of Redis."""

from __future__ import annotations

from chaoslab import Severed, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_path_is_refused(chaos: Chaos) -> None:
    """It answers in time while Redis is lost, says so, and comes back."""
    await chaos.run(
        Severed(
            name="outage",
            target="redis",
            mode="refused",
            start=when.healthy(after_s=0.5),
            stop=when.in_force("outage", 2.5),
        ),
        expect=[
            expect.Starts(mode="normal"),
            expect.AnswersInTime(),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(),
        ],
    )

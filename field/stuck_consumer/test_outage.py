"""An outage of Redis that lasts longer than the consumer tries to reconnect."""

from __future__ import annotations

from chaoslab import Load, Severed, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_path_is_refused(chaos: Chaos) -> None:
    """Each job that was accepted is done within 2 s, also after the outage."""
    await chaos.run(
        Severed(
            name="outage",
            target="redis",
            mode="refused",
            start=when.acknowledged(10, after_s=0.05),  # no job is on its way then
            stop=when.in_force("outage", 2.5),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(proved=False),
            expect.Delivers(at_least=15),
        ],
    )

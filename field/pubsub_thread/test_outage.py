"""An outage of Redis that is longer than the client's own retries."""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def test_redis_is_refused(chaos: Chaos) -> None:
    """It serves again: somebody has subscribed to the channel."""
    await chaos.run(
        Severed(
            name="outage",
            target="redis",
            mode="refused",
            start=when.acknowledged(10),
            stop=when.lost("redis", after_s=1),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(),
            expect.Serves(),
        ],
    )

"""Redis answers later than the app waits for it, and then in time again."""

from __future__ import annotations

from chaoslab import Chaos, Load, Slow, expect, when


async def test_slow_redis(chaos: Chaos) -> None:
    """Requests are refused meanwhile; afterwards each user gets its own value."""
    await chaos.run(
        Slow(
            name="slow",
            target="redis",
            latency_s=0.5,
            start=when.acknowledged(10),
            stop=when.in_force("slow", 1.5),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.KeepsAcknowledged(),
            expect.AnswersRequests(),
            expect.ReadsOwnWrites(),
        ],
    )

"""Redis answers later than the service waits for it, and then in time again."""

from __future__ import annotations

from chaoslab import Load, Slow, expect, when
from chaoslab.pytest_plugin import Chaos


async def test_replies_are_late(chaos: Chaos) -> None:
    """Requests are refused meanwhile; afterwards each user gets its own note."""
    await chaos.run(
        Slow(
            name="slow",
            target="redis",
            latency_s=0.6,
            start=when.acknowledged(10),
            stop=when.in_force("slow", 1.5),
        ),
        load=[
            Load(start=when.healthy(), request="keep"),
            Load(start=when.acknowledged(1), request="read"),
        ],
        expect=[
            expect.Starts(mode="normal"),
            expect.KeepsAcknowledged(at_least=10),
            expect.ReadsOwnWrites(at_least=10),
        ],
    )

"""The server's answers are cut in the middle."""

from __future__ import annotations

from chaoslab import Chaos, CutMidstream, Load, expect, when


async def test_answers_are_cut(chaos: Chaos) -> None:
    """What is acknowledged is kept, once."""
    await chaos.run(
        CutMidstream(
            name="cut",
            target="app.postgres",
            after_bytes=620,
            start=when.acknowledged(20),
            stop=when.in_force("cut", 3),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.StaysAvailable(healthy=False),
            expect.Recovers(stable_s=1.5),
            expect.KeepsAcknowledged(at_least=60),
        ],
    )

"""Connections that end in the middle of an answer of Postgres."""

from __future__ import annotations

from chaoslab import Chaos, CutMidstream, Load, expect, when


async def test_are_cut(chaos: Chaos) -> None:
    """Every note is there once, whatever became of the answers."""
    await chaos.run(
        CutMidstream(
            name="cut",
            target="postgres",
            after_bytes=620,
            start=when.acknowledged(10),
            stop=when.in_force("cut", 1.5),
        ),
        load=[Load(start=when.healthy(), rate_per_s=30)],
        expect=[
            expect.Starts(mode="normal"),
            expect.StaysAvailable(healthy=False),
            expect.KeepsAcknowledged(at_least=40),
            expect.Serves(),
        ],
    )

"""A connection that ends before the answer to a COMMIT that Postgres has applied."""

from __future__ import annotations

from chaoslab import Load, expect, when
from chaoslab.faults import AtMessage
from chaoslab.pytest_plugin import Chaos


async def test_path_is_cut_after_it(chaos: Chaos) -> None:
    """A note that was sent once is kept once."""
    await chaos.run(
        AtMessage(
            name="cut",
            target="postgres",
            message="COMMIT",
            at="after",
            nth=1,
            start=when.acknowledged(10),
            stop=when.in_force("cut", 1),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.StaysAvailable(),
            expect.KeepsAcknowledged(at_least=15),
        ],
    )

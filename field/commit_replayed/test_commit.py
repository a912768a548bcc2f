"""A connection that ends before Postgres has the COMMIT of a note."""

from __future__ import annotations

from chaoslab import Load, expect, when
from chaoslab.faults import AtMessage
from chaoslab.pytest_plugin import Chaos


async def test_path_is_cut_before_it(chaos: Chaos) -> None:
    """A note that was acknowledged is kept."""
    await chaos.run(
        AtMessage(
            name="cut",
            target="postgres",
            message="COMMIT",
            at="before",
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

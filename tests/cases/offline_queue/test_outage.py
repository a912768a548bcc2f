"""Redis cannot be reached for a while."""

from __future__ import annotations

import pytest

from chaoslab import Boot, Chaos, Severed, expect, when


@pytest.mark.parametrize("fixed", ["", "1"], ids=["buggy", "fixed"])
async def test_outage(chaos: Chaos, fixed: str) -> None:
    """It survives without growing, and comes back without a flood."""
    await chaos.run(
        Severed(
            name="cut",
            target="app.redis",
            mode="refused",
            start=when.healthy(2.0),
            stop=when.in_force("cut", 5.0),
        ),
        boots=[Boot(env={"FIXED": fixed})],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(proved=False),
            expect.BacksOff(),
            expect.BoundedCost(),
        ],
    )

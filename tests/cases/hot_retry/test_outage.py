"""The database is down while jobs come in."""

from __future__ import annotations

import pytest

from chaoslab import Boot, Chaos, Load, Stopped, expect, when


@pytest.mark.parametrize("fixed", ["", "1"], ids=["buggy", "fixed"])
async def test_outage(chaos: Chaos, fixed: str) -> None:
    """It tries again without a flood of tries."""
    await chaos.run(
        Stopped(
            name="down", target="postgres", start=when.healthy(2.0), stop=when.in_force("down", 3.0)
        ),
        boots=[Boot(env={"FIXED": fixed})],
        load=[Load(start=when.healthy(), stop=when.in_force("down", 1.0), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.BacksOff(),
            expect.Recovers(proved=False),
            expect.KeepsAcknowledged(at_least=5),
            expect.BoundedCost(),
        ],
    )

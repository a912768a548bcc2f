"""Outages of Postgres, shorter and longer than the pool's own time limit."""

from __future__ import annotations

import pytest

from chaoslab import Load, Severed, expect, when
from chaoslab.pytest_plugin import Chaos


@pytest.mark.parametrize("held_s", [1.2, 3.5], ids=["short", "long"])
async def test_path_is_refused(chaos: Chaos, held_s: float) -> None:
    """It says so, and comes back, however long the outage was."""
    await chaos.run(
        Severed(
            name="outage",
            target="postgres",
            mode="refused",
            start=when.acknowledged(10),
            stop=when.in_force("outage", held_s),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=10),
        ],
    )

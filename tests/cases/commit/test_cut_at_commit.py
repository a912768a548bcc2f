"""Connections of the pool are cut at a COMMIT, before or after the server has completed it."""

from __future__ import annotations

import os

import pytest

from chaoslab import Boot, Chaos, Load, expect, when
from chaoslab.faults import AtMessage

MODE = os.environ.get("MODE", "right")


@pytest.mark.parametrize("at", ["before", "after"])
async def test_cut(chaos: Chaos, at: str) -> None:
    """What is acknowledged is kept, once."""
    await chaos.run(
        AtMessage(
            name="cut",
            target="app.postgres",
            message="COMMIT",
            at=at,
            start=when.acknowledged(10),
            stop=when.in_force("cut", 0.5),
        ),
        boots=[Boot(env={"MODE": MODE})],
        load=[Load(start=when.healthy(), rate_per_s=20, timeout_s=4)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=40),
        ],
    )

"""The database is restarted, or its path is cut for a while."""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Restarted, Severed, expect, when

FAULTS = [
    Restarted(target="postgres", start=when.healthy(0.5)),
    Severed(
        name="cut",
        target="app.postgres",
        mode="refused",
        start=when.healthy(0.5),
        stop=when.in_force("cut", 1.0),
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=["restarted", "refused"])
async def test_gone_and_back(chaos: Chaos, fault: Restarted | Severed) -> None:
    """It is to be as before."""
    await chaos.run(fault, expect=[expect.Starts(mode="normal"), expect.Recovers()])

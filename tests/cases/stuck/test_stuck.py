"""A writer that is stuck after an outage, and what liveness says of it."""

from __future__ import annotations

import pytest

from chaoslab import Boot, Chaos, Load, Severed, expect, when

BUILDS = {
    "blind": {"LIVE": "nothing"},
    "notices": {"LIVE": "lock"},
    "never_stuck": {"LIVE": "lock", "RELEASES": "1"},
    "blames_the_database": {"LIVE": "database", "RELEASES": "1"},
}


@pytest.mark.parametrize("build", BUILDS)
async def test_outage(chaos: Chaos, build: str) -> None:
    """Severed while users write, until health has been degraded for 1.5 s."""
    await chaos.run(
        Severed(
            target="postgres",
            start=when.acknowledged(5),
            stop=when.degraded(1.5),
        ),
        boots=[Boot(env=BUILDS[build])],
        load=[Load(start=when.healthy())],
        expect=[expect.FailsLivenessWhenStuck(stuck_s=2.0, within_s=2.0)],
    )

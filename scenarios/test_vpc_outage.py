"""The VPC connector, the one network path to Postgres and Redis, stops carrying traffic."""

from __future__ import annotations

import pytest

from chaoslab import Severed, expect, when
from chaoslab.pytest_plugin import Chaos

pytestmark = pytest.mark.vpc_outage

HOLD_S = 0.6  # how long a fault holds once the app has degraded: a dozen health samples


async def test_severed_before_start_dropped(chaos: Chaos) -> None:
    """SYNs vanish before the app is spawned: it starts degraded, says so, and heals by itself."""
    await chaos.run(
        Severed(target="vpc", mode="dropped", stop=when.degraded(HOLD_S)),
        expect=[
            expect.Starts(mode="degraded", startup_mode="emergency_degraded"),
            expect.Degrades(naming=("postgres", "redis")),
            expect.Recovers(),
        ],
    )

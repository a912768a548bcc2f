"""Redis fails and Postgres does not: every request is still served, and health is degraded."""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Killed, Load, Paused, Stopped, expect, when

pytestmark = pytest.mark.cache_outage

HOLD_S = 0.6


async def test_stopped_before_start(chaos: Chaos) -> None:
    """The cache is down when the app starts: the app is degraded and does not exit."""
    await chaos.run(
        Stopped(target="redis", stop=when.degraded(HOLD_S)),
        expect=[
            expect.Starts(mode="degraded"),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(),
        ],
    )


@pytest.mark.parametrize("fault", [Killed, Paused], ids=["killed", "paused"])
async def test_gone_under_requests(chaos: Chaos, fault: type[Killed | Paused]) -> None:
    """The cache crashes or freezes under load: acknowledged writes are stored."""
    await chaos.run(
        fault(target="redis", start=when.acknowledged(5), stop=when.degraded(HOLD_S)),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=15),
            expect.RefusesHonestly(at_least=0),
        ],
    )

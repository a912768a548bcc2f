"""A dependency stops and starts on the same address: the pooled connections to it are stale."""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Killed, Load, Paused, Restarted, Stopped, expect, when
from chaoslab.plan import Sampling

pytestmark = pytest.mark.recovery

HOLD_S = 0.6


@pytest.mark.parametrize("service", ["postgres", "redis"])
async def test_stopped_and_started_again(chaos: Chaos, service: str) -> None:
    """A service is shut down and started later: health names it meanwhile, and the app recovers."""
    await chaos.run(
        Stopped(target=service, start=when.healthy(0.3), stop=when.degraded(HOLD_S)),
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=(service,)),
            expect.Recovers(),
        ],
    )


@pytest.mark.parametrize("fault", [Killed, Paused], ids=["killed", "paused"])
async def test_postgres_gone_under_requests(chaos: Chaos, fault: type[Killed | Paused]) -> None:
    """The database crashes or freezes under load: no acknowledged write is lost."""
    await chaos.run(
        fault(target="postgres", start=when.acknowledged(5), stop=when.degraded(HOLD_S)),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=10),
            expect.RefusesHonestly(at_least=0),
        ],
    )


async def test_restarted_postgres_leaves_a_stale_pool(chaos: Chaos) -> None:
    """Postgres restarts between two requests: the next request must not use a dead connection."""
    await chaos.run(
        Restarted(name="restart", target="postgres", start=when.healthy(0.3)),
        load=[Load(start=when.healed("restart", 1.5), rate_per_s=5)],
        sampling=Sampling(quiet_from=when.healthy(0.1), quiet_until=when.acknowledged(1)),
        expect=[
            expect.Starts(mode="normal"),
            expect.FirstRequestServed(fault="restart"),
            expect.KeepsAcknowledged(),
            expect.RefusesHonestly(at_least=0),
            expect.Recovers(),
        ],
    )

"""An HTTP upstream and two servers of no known kind, lost and found again."""

from __future__ import annotations

import pytest

from chaoslab import Killed, Paused, Severed, Slow, Stopped, expect, when
from chaoslab.pytest_plugin import Chaos

TIMES = {"start": when.healthy(0.3), "stop": when.degraded(0.5)}
FAULTS = {
    "payment_severed": Severed(target="shop.payment", mode="refused", **TIMES),
    "payment_slow": Slow(target="shop.payment", latency_s=0.6, **TIMES),
    "payment_paused": Paused(target="payment", **TIMES),
    "payment_killed": Killed(target="payment", **TIMES),
    "queue_severed": Severed(target="shop.queue", mode="silent", **TIMES),
    "queue_stopped": Stopped(target="queue", **TIMES),
    "queue_paused": Paused(target="queue", **TIMES),
    "ledger_severed": Severed(target="shop.ledger", mode="refused", **TIMES),
    "ledger_stopped": Stopped(target="ledger", **TIMES),
    "ledger_silent": Severed(target="shop.ledger", mode="silent", **TIMES),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_lost_and_found_again(chaos: Chaos, name: str) -> None:
    """Health names what is lost, and is healthy again after the heal."""
    fault = FAULTS[name]
    await chaos.run(
        fault,
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=(name.partition("_")[0],)),
            expect.Recovers(proved=False),
        ],
    )

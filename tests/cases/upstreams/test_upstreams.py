"""An HTTP upstream and two servers of no known kind, lost and found again."""

from __future__ import annotations

import pytest

from chaoslab import Killed, Paused, Severed, Slow, Stopped, expect, when
from chaoslab.model.when import AtMoment
from chaoslab.pytest_plugin import Chaos

START = when.healthy(0.3)


def times(service: str) -> dict[str, AtMoment]:
    """Until the shop has named the service as lost, and has looked at it some more times."""
    return {"start": START, "stop": when.lost(service, hold_s=1.0)}


FAULTS = {
    "payment_severed": Severed(target="shop.payment", mode="refused", **times("payment")),
    "payment_slow": Slow(target="shop.payment", latency_s=0.6, **times("payment")),
    "payment_paused": Paused(target="payment", **times("payment")),
    "payment_killed": Killed(target="payment", **times("payment")),
    "queue_severed": Severed(target="shop.queue", mode="silent", **times("queue")),
    "queue_stopped": Stopped(target="queue", **times("queue")),
    "queue_paused": Paused(target="queue", **times("queue")),
    "ledger_severed": Severed(target="shop.ledger", mode="refused", **times("ledger")),
    "ledger_stopped": Stopped(target="ledger", **times("ledger")),
    "ledger_silent": Severed(target="shop.ledger", mode="silent", **times("ledger")),
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

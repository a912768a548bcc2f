"""Redis is out of reach for longer and longer: up to which length does the worker come back?"""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when
from chaoslab.plan import Plan

AFTER_FIVE = when.acknowledged(5)


def outage(hold_s: float) -> Plan:
    """Users send jobs before, during and after an outage; a recovery is proved by a row."""
    cut = Severed(
        name="cut",
        target="app.redis",
        mode="refused",
        start=AFTER_FIVE,
        stop=when.lost("redis", after_s=hold_s),
    )
    return Plan(
        faults=(cut,),
        load=(Load(start=when.healthy(), rate_per_s=10),),
        expect=(
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=15),
        ),
    )


async def test_reported(chaos: Chaos) -> None:
    """No length is required: the one that breaks the app is only reported."""
    found = await chaos.how_long(outage, lengths_s=(0.5, 4.0, 8.0))
    assert found.tried


async def test_required(chaos: Chaos) -> None:
    """The app must survive four seconds."""
    await chaos.how_long(outage, lengths_s=(0.5,), at_least_s=4.0)

"""Redis is out of reach for longer and longer: up to which length does the worker come back?"""

from __future__ import annotations

from chaoslab import Chaos, Severed, expect, when
from chaoslab.plan import Plan


def outage(hold_s: float) -> Plan:
    """The outage of Redis lasts `hold_s` from when health names it; a row proves the recovery."""
    cut = Severed(
        name="cut",
        target="app.redis",
        mode="refused",
        start=when.healthy(0.5),
        stop=when.lost("redis", after_s=hold_s),
    )
    return Plan(
        faults=(cut,),
        expect=(
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(),
        ),
    )


async def test_reported(chaos: Chaos) -> None:
    """No length is required: the one that breaks the app is only reported."""
    found = await chaos.how_long(outage, lengths_s=(0.5, 4.0, 8.0))
    assert found.tried


async def test_required(chaos: Chaos) -> None:
    """The app must survive four seconds."""
    await chaos.how_long(outage, lengths_s=(0.5,), at_least_s=4.0)

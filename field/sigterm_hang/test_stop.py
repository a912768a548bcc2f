"""SIGTERM on a good day, and while Postgres is silent."""

from __future__ import annotations

from chaoslab import Boot, Chaos, Load, Severed, expect, when

LOAD = [Load(start=when.healthy(), rate_per_s=20)]


async def test_on_a_good_day(chaos: Chaos) -> None:
    """It ends, and keeps what it acknowledged."""
    await chaos.run(
        boots=[Boot(stop=when.acknowledged(20), grace_s=6)],
        load=LOAD,
        expect=[expect.Starts(mode="normal"), expect.Stops(within_s=4)],
    )


async def test_in_an_outage(chaos: Chaos) -> None:
    """It ends in the same time, though statements still wait for an answer."""
    await chaos.run(
        Severed(name="outage", target="postgres", mode="silent", start=when.acknowledged(20)),
        boots=[Boot(stop=when.in_force("outage", 0.5), grace_s=6)],
        load=LOAD,
        expect=[expect.Starts(mode="normal"), expect.Stops(within_s=4)],
    )

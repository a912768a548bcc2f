"""SIGTERM without a fault, during one and after it."""

from __future__ import annotations

from chaoslab import Boot, Chaos, Load, Severed, expect, when

LOAD = [Load(start=when.healthy(), rate_per_s=20)]
CUT = Severed(name="cut", target="app.postgres", start=when.healthy(0.5))


async def test_ends_at_once(chaos: Chaos) -> None:
    """What was good until SIGTERM stays good."""
    await chaos.run(
        boots=[Boot(env={"MODE": "ends"}, stop=when.acknowledged(20))],
        load=LOAD,
        expect=[
            expect.Stops(within_s=3.0),
            expect.StaysAvailable(),
            expect.Serves(at_least=5),
            expect.KeepsAcknowledged(),
        ],
    )


async def test_ignores_it(chaos: Chaos) -> None:
    """Only SIGKILL ends it."""
    await chaos.run(
        boots=[Boot(env={"MODE": "ignores"}, stop=when.healthy(0.3), grace_s=1.0)],
        expect=[expect.Stops(), expect.StaysAvailable()],
    )


async def test_closes_its_pool(chaos: Chaos) -> None:
    """Without a fault that takes no time."""
    await chaos.run(
        boots=[Boot(env={"MODE": "closes"}, stop=when.healthy(0.3))],
        expect=[expect.Stops(within_s=2.0)],
    )


async def test_closes_its_pool_in_an_outage(chaos: Chaos) -> None:
    """The pool gives up after three seconds."""
    await chaos.run(
        CUT,
        boots=[Boot(env={"MODE": "closes"}, stop=when.in_force("cut", 0.5))],
        load=LOAD,
        expect=[expect.Stops(within_s=2.0)],
    )


async def test_ends_after_an_outage(chaos: Chaos) -> None:
    """The boot saw the fault begin and end."""
    await chaos.run(
        Severed(name="cut", target="app.postgres", start=when.healthy(0.5), stop=when.degraded()),
        boots=[Boot(env={"MODE": "ends"}, stop=when.healed("cut", 0.5))],
        expect=[expect.Stops(within_s=2.0)],
    )

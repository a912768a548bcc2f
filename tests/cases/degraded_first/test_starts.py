"""Nothing goes wrong; and an outage, which the first degraded answer must not be taken for."""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def test_good_day(chaos: Chaos) -> None:
    """It starts normally, and serves."""
    await chaos.run(
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.StaysAvailable(),
            expect.Serves(at_least=20),
        ],
    )


async def test_outage(chaos: Chaos) -> None:
    """The fault lasts until health turns degraded under it, for the second time in all."""
    await chaos.run(
        Severed(
            target="app.postgres",
            mode="refused",
            start=when.healthy(0.5),
            stop=when.degraded(1.0),
        ),
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("database",)),
            expect.Recovers(),
        ],
    )

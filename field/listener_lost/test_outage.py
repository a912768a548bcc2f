"""An outage of Postgres, which ends the connection that listens."""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def test_over_a_websocket(chaos: Chaos) -> None:
    """Each note that is accepted leads to an event within 2 s, also after the outage."""
    await outage(chaos, "over_websocket")


async def test_server_sent(chaos: Chaos) -> None:
    """The same, with server-sent events."""
    await outage(chaos, "server_sent")


async def outage(chaos: Chaos, request: str) -> None:
    await chaos.run(
        Severed(
            name="outage",
            target="postgres",
            mode="refused",
            start=when.acknowledged(10, after_s=0.05),  # no note is on its way then
            stop=when.lost("postgres", after_s=1),
        ),
        load=[Load(start=when.healthy(), request=request, rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(proved=False),
            expect.Delivers(request=request, at_least=15),
        ],
    )

"""The broker is out of reach for a second: does each accepted job still lead to its event?"""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def outage(chaos: Chaos, request: str) -> None:
    """Users submit jobs before, during and after an outage."""
    cut = Severed(
        name="cut",
        target="app.redis",
        mode="refused",
        start=when.acknowledged(5),
        stop=when.lost("redis", after_s=1.0),
    )
    await chaos.run(
        cut,
        load=[Load(start=when.healthy(0.3), request=request, rate_per_s=10)],
        expect=[expect.Recovers(proved=False), expect.Delivers(request=request, at_least=15)],
    )


async def test_websocket(chaos: Chaos) -> None:
    """Each job is a message of a WebSocket."""
    await outage(chaos, "over_websocket")


async def test_server_sent(chaos: Chaos) -> None:
    """Each job is a server-sent event."""
    await outage(chaos, "server_sent")

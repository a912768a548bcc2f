"""An outage while it runs."""

from __future__ import annotations

from chaoslab import Chaos, Severed, expect, when


async def test_outage(chaos: Chaos) -> None:
    """Whether the process still lives is asked by the recovery's own bound alone."""
    await chaos.run(
        Severed(
            target="app.postgres",
            mode="refused",
            start=when.healthy(0.5),
            stop=when.degraded(0.5),
        ),
        expect=[expect.Starts(mode="normal"), expect.Recovers()],
    )

"""No fault is injected. A build that fails here is refused without any outage."""

from __future__ import annotations

import pytest

from chaoslab import Chaos, Load, expect, when

pytestmark = pytest.mark.steady


async def test_starts_and_serves(chaos: Chaos) -> None:
    """It starts normally, on the port that is routed to it, and every request is served."""
    await chaos.run(
        load=[Load(start=when.healthy(0.1), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal", startup_mode="normal"),
            expect.Serves(at_least=20),
            expect.StaysAvailable(),
            expect.StaysLive(),
            expect.AnswersInTime(),
        ],
    )

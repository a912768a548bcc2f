"""The path fails under an app that runs: also what can be tried on a system that stands already."""

from __future__ import annotations

from typing import Literal

import pytest

from chaoslab import Chaos, Load, Severed, expect, when

pytestmark = pytest.mark.running

HOLD_S = 0.6
BOTH = ("postgres", "redis")


@pytest.mark.parametrize("mode", ["refused", "silent"])
async def test_the_connector_fails(chaos: Chaos, mode: Literal["refused", "silent"]) -> None:
    """Both dependencies go at once: the app says so, and is healthy once they are back."""
    await chaos.run(
        Severed(
            target="vpc", mode=mode, start=when.healthy(0.3), stop=when.lost(*BOTH, after_s=HOLD_S)
        ),
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=BOTH),
            expect.Recovers(),
        ],
    )


@pytest.mark.parametrize("service", BOTH)
async def test_one_link_fails(chaos: Chaos, service: str) -> None:
    """Health names the one that is gone, and only that one."""
    await chaos.run(
        Severed(
            target=f"backend.{service}",
            mode="refused",
            start=when.healthy(0.3),
            stop=when.lost(service, after_s=HOLD_S),
        ),
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=(service,)),
            expect.Recovers(),
        ],
    )


async def test_the_connector_fails_under_writes(chaos: Chaos) -> None:
    """Connections are reset under requests: nothing that was acknowledged is lost, and once the app
    has had its time to recover every write is served again.
    """
    await chaos.run(
        Severed(
            target="vpc",
            mode="refused",
            start=when.acknowledged(5),
            stop=when.lost(*BOTH, after_s=HOLD_S),
        ),
        load=[Load(start=when.healthy(), rate_per_s=20)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=BOTH),
            expect.Recovers(),
            expect.KeepsAcknowledged(at_least=10),
            expect.RefusesHonestly(),
            expect.Serves(),
        ],
    )

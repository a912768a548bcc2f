"""The path fails while the app runs. These scenarios can also run in attach mode."""

from __future__ import annotations

from typing import Literal

import pytest

from chaoslab import Chaos, Load, Severed, expect, when

pytestmark = pytest.mark.running

HOLD_S = 0.6
BOTH = ("postgres", "redis")


@pytest.mark.parametrize("mode", ["refused", "silent"])
async def test_the_connector_fails(chaos: Chaos, mode: Literal["refused", "silent"]) -> None:
    """Both dependencies fail together: the app reports it, and is healthy after the heal."""
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
    """Health names the unreachable dependency and no other."""
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
    """Connections are reset under requests: no acknowledged write is lost, and after the recovery
    time every write is served again.
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

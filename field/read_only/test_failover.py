"""A server that comes back read-only, and is promoted later without dropping a connection."""

from __future__ import annotations

import urllib.request

from chaoslab import Chaos, Load, Severed, expect, when
from chaoslab.plan import Scene, Step


def demote(scene: Scene) -> None:
    """New sessions can only read."""
    _posted(scene, "/demote")


def promote(scene: Scene) -> None:
    """New sessions can write."""
    _posted(scene, "/promote")


def _posted(scene: Scene, path: str) -> None:
    with urllib.request.urlopen(scene.url() + path, data=b"{}", timeout=5) as answer:
        assert answer.status == 200


async def test_sessions_of_before_the_promotion(chaos: Chaos) -> None:
    """It writes again, though no connection was dropped at the promotion."""
    await chaos.run(
        Severed(
            name="failover",
            target="postgres",
            mode="refused",
            start=when.acknowledged(20),
            stop=when.lost("postgres", after_s=0.5),
        ),
        steps=[
            Step(at=when.acknowledged(10), do=demote),
            Step(at=when.healed("failover", 0.7), do=promote),
        ],
        load=[Load(start=when.healthy(), rate_per_s=30)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(),
            expect.Serves(),
        ],
    )

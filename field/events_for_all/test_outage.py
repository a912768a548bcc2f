"""An outage of Postgres while two users are subscribed."""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when


async def test_postgres_is_refused(chaos: Chaos) -> None:
    """Before and after the outage each user gets the events of its own notes."""
    await chaos.run(
        Severed(
            name="outage",
            target="postgres",
            mode="refused",
            start=when.acknowledged(10),
            stop=when.lost("postgres", after_s=1),
        ),
        load=[Load(start=when.healthy(), rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("postgres",)),
            expect.Recovers(proved=False),
            expect.Delivers(),
            expect.SeparatesUsers(),
        ],
    )

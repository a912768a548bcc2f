"""Redis is out of reach for half a second, or for four: are the jobs done afterwards?"""

from __future__ import annotations

from chaoslab import Chaos, Load, Severed, expect, when

JOB = {
    "kind": "job",
    "path": "/notes?body={id}",
    "body": {},
    "found": {"service": "postgres", "table": "notes", "column": "body", "within_s": 3},
}


async def outage(chaos: Chaos, hold_s: float) -> None:
    """Users submit jobs before, during and after an outage, and health is right all the time."""
    cut = Severed(
        name="cut",
        target="app.redis",
        mode="refused",
        start=when.acknowledged(5),
        stop=when.lost("redis", after_s=hold_s),
    )
    await chaos.run(
        cut,
        requests={"app": {"note": JOB}},
        load=[Load(start=when.healthy(), request="note", rate_per_s=10)],
        expect=[
            expect.Starts(mode="normal"),
            expect.Degrades(naming=("redis",)),
            expect.Recovers(proved=False),
            expect.Delivers(request="note", at_least=15),
        ],
    )


async def test_short_outage(chaos: Chaos) -> None:
    """Shorter than the worker's timer."""
    await outage(chaos, 0.5)


async def test_long_outage(chaos: Chaos) -> None:
    """Longer than the worker's timer."""
    await outage(chaos, 4.0)

"""The database is missing at the boot, or goes away while the app runs."""

from __future__ import annotations

import pytest

from chaoslab import Boot, Chaos, Load, Severed, when

HOLD_S = 6.5  # `exit` gives up after 2 s, and has 6 s on a machine that other tests use as well


def load(app: str) -> list[Load]:
    """Users from the first answer on."""
    return [Load(app=app, start=when.first_answer(app=app))]


@pytest.mark.parametrize("app", ["degrade", "unavailable", "exit", "unaffected", "liar"])
async def test_running(chaos: Chaos, app: str) -> None:
    """The app does what the topology says of it."""
    cut = Severed(
        name="cut",
        target=f"{app}.postgres",
        mode="refused",
        start=when.started(1.0, app=app),
        stop=when.affected("cut", 3.5),
    )
    claims = chaos.policy("postgres", "running", app=app)
    await chaos.run(cut, boots=[Boot(app=app)], load=load(app), expect=claims)


@pytest.mark.parametrize("app", ["wait", "exit"])
async def test_boot(chaos: Chaos, app: str) -> None:
    """The app does what the topology says of it."""
    cut = Severed(
        name="cut",
        target=f"{app}.postgres",
        mode="silent",
        stop=when.affected("cut", HOLD_S),
    )
    claims = chaos.policy("postgres", "boot", app=app)
    await chaos.run(cut, boots=[Boot(app=app)], load=load(app), expect=claims)

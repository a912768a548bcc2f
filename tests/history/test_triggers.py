"""Waiting for the triggers of a plan, in a journal that is being written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chaoslab.history.events import AnyEvent, LossNamed, Spawned
from chaoslab.history.journal import Journal
from chaoslab.history.triggers import Awaited
from chaoslab.model import when
from chaoslab.model.plan import Plan
from chaoslab.model.when import AtMoment

LOSS = LossNamed(at_s=0.0, app="a", boot=0, lost=("redis",))
SPAWN = Spawned(at_s=0.0, app="a", boot=0, pid=1, port=2, argv=("a",), env={})


async def came_at_s(moment: AtMoment, event: AnyEvent, folder: Path, *, since_s: float) -> float:
    """When the stop of a fault occurred that began at `since_s`."""
    journal = Journal(folder / "h")
    journal.append(event)
    awaited = Awaited(replace(moment, within_s=5.0), Plan(), journal, since_s=since_s)
    assert await awaited.came()
    journal.close()
    return journal.now()


async def test_time_after_a_reaction_of_the_app_counts_from_the_begin_of_the_fault(
    tmp_path: Path,
) -> None:
    """An app may name a loss before the proxy has answered that the link is cut, and a fault that
    is held for N seconds is then in force for N seconds.
    """
    stop = when.lost("redis", after_s=0.1)
    assert await came_at_s(stop, LOSS, tmp_path, since_s=0.3) >= 0.4


async def test_time_after_a_moment_that_is_no_reaction_counts_from_the_moment(
    tmp_path: Path,
) -> None:
    """A fault that ends 0.1 s after the spawn does so also if it began 3 s later."""
    assert 0.1 <= await came_at_s(when.spawned(0.1), SPAWN, tmp_path, since_s=3.0) < 3.1

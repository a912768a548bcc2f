"""`chaoslab run` fails an app that is restarted again and again at once, whatever it is to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from rigs.cell_histories import (
    AT_BOOT_S,
    END_S,
    HEALED_S,
    boot,
    cell,
    exits,
    fault,
    refused,
    topology,
)

from chaoslab.expectations import RestartsSlowly
from chaoslab.history.events import AnyEvent, RunEnded
from chaoslab.history.journal import History
from chaoslab.matrix.plans import plan_of
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.supervisor import Supervisor
from chaoslab.model.topology import Topology
from chaoslab.verdicts.judge import judge

STARTS_S = 0.5
LASTS_S = 0.1  # of each boot, which exits at once
AT_ONCE = Supervisor(backoff_factor=1.0)


def _shop(supervisor: Supervisor | None) -> tuple[Topology, Plan]:
    shop = topology(requests=False)
    shop = replace(shop, apps={"web": replace(shop.apps["web"], supervisor=supervisor)})
    return shop, resolve(plan_of(cell("refused", "boot"), shop), shop)


def _boots(supervisor: Supervisor) -> Iterator[AnyEvent]:
    """Boots that each exit at once, until the heal, as this supervisor starts them."""
    at_s, number = STARTS_S, 1
    while at_s < HEALED_S:
        yield from boot(at_s, number=number)
        yield from exits(at_s + LASTS_S, 1, number=number)
        at_s += LASTS_S + supervisor.wait_s(number - 1)
        number += 1


@pytest.mark.parametrize(
    ("supervisor", "outcome"),
    [
        (None, "PASS"),
        (AT_ONCE, "FAIL"),
        (Supervisor(backoff_s=1.0, backoff_factor=1.0), "PASS"),
    ],
    ids=["waits-that-double", "at-once", "once-a-second"],
)
def test_only_restarts_without_a_wait_that_grows_are_a_storm(
    supervisor: Supervisor | None, outcome: str
) -> None:
    """An app that exits at once is no storm by itself: its supervisor may wait longer each time."""
    shop, plan = _shop(supervisor)
    ended = RunEnded(at_s=END_S, settled=True, why="every expectation can be judged")
    cut = [*fault(AT_BOOT_S), *refused(start_s=AT_BOOT_S)]
    events = [*_boots(supervisor or Supervisor()), *cut, ended]
    history = History(tuple(sorted(events, key=lambda e: e.at_s)))
    (found,) = (v for v in judge(shop, plan, history) if v.name == "restarts_slowly")
    assert found.outcome.name == outcome, found


@pytest.mark.parametrize("restarts", [10, 11])
def test_a_supervisor_that_gives_up_in_time_makes_no_storm(restarts: int) -> None:
    """So nothing is claimed of it."""
    _, plan = _shop(replace(AT_ONCE, at_most=restarts))
    claimed = any(isinstance(claim, RestartsSlowly) for claim in plan.expect)
    assert claimed == (restarts > 10)

"""The plan of a cell whose lab stays open at its fault."""

from __future__ import annotations

import pytest
from rigs.cell_histories import cell, topology

from chaoslab.history.saved_plan import plan_json, read_plan
from chaoslab.injection.effect import is_awaited
from chaoslab.matrix.cells import cells
from chaoslab.matrix.held import LOOK, held, usual_stop
from chaoslab.matrix.pace import FAULT
from chaoslab.matrix.plans import plan_of
from chaoslab.model.cell import Cell
from chaoslab.model.plan import Plan, resolve
from chaoslab.registry import kinds

SHOP = topology()


async def look(_: object) -> None:
    """Stands for a person."""


def plan_with_look(of: Cell) -> Plan:
    return resolve(held(plan_of(of, SHOP), of, look, limit_s=600.0), SHOP)


@pytest.mark.parametrize("of", cells(SHOP), ids=str)
def test_any_cell_can_be_held_and_is_judged_by_the_same_claims(of: Cell) -> None:
    """The run may take as long as the look; the saved plan has the look as a step."""
    plan = plan_with_look(of)
    assert [step.name for step in plan.steps] == [LOOK]
    assert plan.limit_s is not None
    assert plan.limit_s > 600.0
    assert plan.expect == resolve(plan_of(of, SHOP), SHOP).expect
    assert plan_json(read_plan(plan_json(plan), kinds())) == plan_json(plan)


def test_the_end_of_the_look_heals_the_fault() -> None:
    """And the effect of the fault is watched, so that the person is shown it."""
    for fault in ("refused", "stopped"):
        plan = plan_with_look(cell(fault))
        (healed,), (step,) = plan.faults, plan.steps
        assert healed.stop is not None
        assert (healed.stop.moment, healed.stop.of) == ("done", LOOK)
        assert (step.at.moment, step.at.of) == ("in_force", FAULT)
        assert is_awaited(FAULT, plan)


def test_an_app_is_stopped_after_the_look() -> None:
    """In the steady state, and where SIGTERM comes during the fault, which its exit heals."""
    for of in (cell("none"), cell("silent", "sigterm")):
        plan = plan_with_look(of)
        (boot,) = plan.boots
        assert boot.stop is not None
        assert (boot.stop.moment, boot.stop.of) == ("done", LOOK)
    assert plan.faults[0].stop is not None
    assert plan.faults[0].stop.moment == "exited"


def test_a_look_waits_for_an_effect_as_long_as_the_cell_does() -> None:
    """A cell that does not wait for one opens at once."""
    usual = usual_stop(plan_of(cell("refused"), SHOP))
    assert usual is not None
    assert (usual.within_s, usual.after_s) == (4.0, 7.0)
    for of in (cell("restarted"), cell("silent", "sigterm"), cell("none")):
        assert usual_stop(plan_of(of, SHOP)) is None

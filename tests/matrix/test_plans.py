"""The plans of cells."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rigs.cell_histories import topology

from chaoslab.expectations import ComesBack
from chaoslab.faults import Restarted, Severed, Stopped
from chaoslab.matrix.cells import cells
from chaoslab.matrix.pace import FAULT
from chaoslab.matrix.plans import plan_of
from chaoslab.model.cell import Cell, CellFault, CellMoment
from chaoslab.model.plan import resolve
from chaoslab.model.policy import Policies
from chaoslab.model.when import BeforeSpawn

SHOP = topology()


@pytest.mark.parametrize("cell", cells(SHOP), ids=str)
def test_the_plan_of_each_cell_can_be_run(cell: Cell) -> None:
    """`resolve` finds no problem, and no run lasts for ever."""
    plan = resolve(plan_of(cell, SHOP), SHOP)
    assert plan.name == cell.name
    assert plan.limit_s is not None


def test_a_fault_at_boot_is_in_force_before_the_spawn() -> None:
    """And is held for longer by the time that a start-up takes."""
    cell = Cell(app="web", target="postgres", fault="dropped", moment="boot")
    quick, slow = (plan_of(cell, SHOP, boot_s=s).faults[0] for s in (1.0, 4.0))
    assert isinstance(quick.start, BeforeSpawn)
    assert quick.stop is not None
    assert slow.stop is not None
    assert slow.stop.after_s == quick.stop.after_s + 3.0
    assert slow.stop.within_s == (quick.stop.within_s or 0.0) + 3.0


def test_a_fault_that_makes_requests_hang_is_held_until_health_had_time_to_notice() -> None:
    """A request that hangs fails after its time-out, and only then health may be late."""
    request = replace(SHOP.apps["web"].requests["order"], timeout_s=9.0)
    slow = replace(SHOP, apps={"web": replace(SHOP.apps["web"], requests={"order": request})})

    def held_s(fault: CellFault) -> float:
        cell = Cell(app="web", target="postgres", fault=fault, moment="running")
        (declared,) = plan_of(cell, slow).faults
        assert declared.stop is not None
        return declared.stop.after_s

    assert held_s("refused") == 7.0
    assert [held_s("dropped"), held_s("silent"), held_s("silent_dead")] == [15.0] * 3


def test_an_app_that_may_have_to_start_again_has_a_start_up_more_to_be_back() -> None:
    """The heal comes in the middle of a start, or before one that the supervisor makes."""

    def within_s(moment: CellMoment) -> float | None:
        cell = Cell(app="web", target="postgres", fault="refused", moment=moment)
        claims = plan_of(cell, SHOP, boot_s=4.0).expect
        return next(claim.within_s for claim in claims if isinstance(claim, ComesBack))

    running_s, boot_s = within_s("running"), within_s("boot")
    assert running_s is not None
    assert boot_s == running_s + 4.0


def test_faults_act_on_the_link_or_on_the_service() -> None:
    """The link of the cell's own app; a stop affects every app."""
    kinds = {
        cell.fault: plan_of(cell, SHOP).faults[0]
        for cell in cells(SHOP)
        if cell.moment == "running" and not cell.steady
    }
    assert {name for name, fault in kinds.items() if fault.target == "web.postgres"} == {
        "refused",
        "dropped",
        "silent",
        "silent_dead",
    }
    assert isinstance(kinds["stopped"], Stopped)
    assert isinstance(kinds["restarted"], Restarted)
    dead = kinds["silent_dead"]
    assert isinstance(dead, Severed)
    assert (dead.mode, dead.at_heal) == ("silent", "dead")


def test_the_app_is_asked_to_stop_while_the_fault_is_in_force() -> None:
    """The fault is healed once the process has ended."""
    cell = Cell(app="web", target="postgres", fault="silent", moment="sigterm")
    plan = plan_of(cell, SHOP)
    stop, heal = plan.boots[0].stop, plan.faults[0].stop
    assert stop is not None
    assert heal is not None
    assert (stop.moment, stop.of) == ("in_force", FAULT)
    assert heal.moment == "exited"


def test_an_accepted_policy_adds_its_claims_to_its_own_cells() -> None:
    """What holds under any policy is claimed in every cell."""
    policies = {"postgres": Policies(boot={"refused": "exit"}, running={"silent": "unavailable"})}
    gated = replace(SHOP, apps={"web": replace(SHOP.apps["web"], policies=policies)})
    claims = {
        cell.name: [e.kind for e in resolve(plan_of(cell, gated), gated).expect]
        for cell in cells(gated)
    }
    assert claims["steady"] == ["stops"]
    always = ["comes_back", "honest_health", "restarts_slowly"]
    assert claims["postgres-refused-boot"] == [*always, "exits"]
    assert claims["postgres-dropped-boot"] == always
    assert "unavailable" in claims["postgres-silent_dead-running"]  # as silent
    assert claims["postgres-restarted-running"] == ["comes_back"]


def test_a_fault_is_held_until_an_accepted_exit_would_be_late() -> None:
    """Else a build that exits no more would only be UNKNOWN."""
    policies = {"postgres": Policies(boot={"refused": "exit"})}
    deadlines = replace(SHOP.apps["web"].deadlines, fail_fast_s=12.0)
    web = replace(SHOP.apps["web"], policies=policies, deadlines=deadlines)
    gated = replace(SHOP, apps={"web": web})
    held = {cell.name: plan_of(cell, gated).faults for cell in cells(gated) if not cell.steady}
    (accepted,), (other,) = held["postgres-refused-boot"], held["postgres-dropped-boot"]
    assert accepted.stop is not None
    assert other.stop is not None
    assert (accepted.stop.after_s, accepted.stop.within_s) == (13.0, 13.0)
    assert other.stop.after_s < 13.0


def test_each_request_is_sent_and_both_paths_of_probers_are_asked() -> None:
    """From the spawn on, at the request's own rate."""
    plan = plan_of(cells(SHOP)[0], SHOP)
    assert [load.request for load in plan.load] == ["order", "list"]
    assert plan.sampling.probers == ("live", "ready")
    assert plan.faults == ()

"""A run of the matrix that judged nothing is not green."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from rigs.cell_histories import all_well, behaviour, end, fault, topology, up

from chaoslab.behaviour.described import Behaviour, not_known
from chaoslab.behaviour.facts import Facts
from chaoslab.behaviour.words import LAB_FAILED, UNSUPPORTED
from chaoslab.evidence.soundness import LATE
from chaoslab.matrix.cells import cells
from chaoslab.matrix.decision import Decision, decide
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.model.cell import Cell
from chaoslab.model.known_gap import KnownGap
from chaoslab.model.policy import Policies
from chaoslab.model.topology import Attach, Topology
from chaoslab.model.verdict import Outcome

from .rig import AT_BOOT, FOLDER, RUNNING, STEADY, behaviours, matrix, verdict
from .test_shown import GATED, SHOP, TODAY

EVERY = cells(SHOP)
BOOT_ONLY = {"postgres": Policies(boot={"refused": "exit"})}


def failed(cell: Cell) -> Ran:
    """The lab could not run the cell."""
    return Ran(cell=cell, behaviour=not_known(cell, LAB_FAILED(why="postgres: no port")))


def late(cell: Cell) -> Ran:
    return Ran(cell=cell, behaviour=not_known(cell, LATE(late_s=1.5)))


def impossible(cell: Cell) -> Ran:
    reasons = ((UNSUPPORTED(why="the proxy cannot do it"),),)
    none = Behaviour(cell=cell, known=False, facts=Facts(), phases=reasons)
    return Ran(cell=cell, behaviour=none, possible=False)


def not_observed(cell: Cell) -> Ran:
    """The fault was in force, and the app opened no connection."""
    events = [*up(), *all_well(1.6, 10.0), *fault(), *end()]
    verdicts = (verdict(Outcome.UNKNOWN),)
    return Ran(cell=cell, behaviour=behaviour(cell, events), verdicts=verdicts)


def of(*rans: Ran) -> MatrixRun:
    """A run of the steady state and of these cells."""
    steady = Ran(cell=STEADY, behaviour=behaviours()[STEADY])
    return MatrixRun(folder=FOLDER, ran={ran.cell: ran for ran in (steady, *rans)})


def decided(
    run: MatrixRun, shop: Topology = SHOP, *, gate: bool = False, attached: bool = False
) -> Decision:
    return decide(run, shop, len(run.ran), gate=gate, today=TODAY, attached=attached)


@pytest.mark.parametrize("gate", [False, True])
def test_a_run_in_which_the_lab_failed_is_not_green(gate: bool) -> None:
    """Neither if it describes, nor as a gate whose policies are for other cells."""
    found = decided(of(*map(failed, EVERY[1:])), gate=gate)
    assert found.exit_code == 1
    assert ": none of 1 known cells; the lab failed: postgres-refused-boot, " in found.text
    one = matrix()
    one.ran[RUNNING] = failed(RUNNING)
    assert decided(one, gate=gate).exit_code == 1
    assert decided(one, gate=gate).text.endswith("; the lab failed: postgres-refused-running")


@pytest.mark.parametrize("why", [late, not_observed, impossible])
def test_a_run_that_knows_nothing_but_the_steady_state_is_not_green(
    why: Callable[[Cell], Ran],
) -> None:
    """Whatever the cause; one such cell beside others that are known is."""
    found = decided(of(*map(why, EVERY[1:])))
    assert found.exit_code == 1
    assert "; nothing is known of web under a fault" in found.text
    one = matrix()
    one.ran[RUNNING] = why(RUNNING)
    assert decided(one).exit_code == 0
    assert decided(of()).exit_code == 0  # only the steady state was chosen


def test_nothing_known_of_one_of_two_apps_is_not_green() -> None:
    """What is known of the other app says nothing about it."""
    run = matrix()
    mine = {replace(cell, app="mail") for cell in (STEADY, RUNNING)}
    for cell in mine:
        known = replace(behaviours()[STEADY], cell=cell)
        run.ran[cell] = Ran(cell=cell, behaviour=known) if cell.steady else late(cell)
    assert "; nothing is known of mail under a fault" in decided(run).text
    assert decided(run).exit_code == 1


def test_cells_that_are_not_known_are_not_counted_among_the_known_ones() -> None:
    """Three of the five cells were described."""
    run = matrix()
    for cell in EVERY[2:4]:
        run.ran[cell] = late(cell)
    assert decided(run).text.startswith("wrong under any policy: none of 3 known cells; not known")


def test_a_gate_whose_accepted_cells_are_not_possible_here_is_not_green() -> None:
    """Other cells may be impossible."""
    run = matrix(running=Outcome.PASS)
    run.ran[AT_BOOT] = impossible(AT_BOOT)
    found = decided(run, GATED, gate=True)
    assert found.exit_code == 1
    assert "; accepted, but not possible here: postgres-refused-boot" in found.text
    assert decided(run, SHOP, gate=True).exit_code == 0
    assert decided(run, GATED, gate=False).exit_code == 0


def test_an_attached_gate_does_without_the_cells_that_it_never_tries() -> None:
    """A start, or a policy about the end of a process; not what the proxy server cannot do."""
    attach = Attach(toxiproxy="http://127.0.0.1:8474", apps={}, links={"web.postgres": "pg"})
    shop = replace(GATED, attach=attach)
    run = matrix(running=Outcome.PASS)
    run.ran[AT_BOOT] = impossible(AT_BOOT)
    assert decided(run, shop, gate=True, attached=True).exit_code == 0
    run = matrix(boot=Outcome.PASS)
    run.ran[RUNNING] = impossible(RUNNING)
    assert decided(run, shop, gate=True, attached=True).exit_code == 1
    policies = {"postgres": Policies(running={"refused": "exit"})}
    exits = replace(shop, apps={"web": replace(shop.apps["web"], policies=policies)})
    assert decided(run, exits, gate=True, attached=True).exit_code == 0
    assert decided(run, exits, gate=True).exit_code == 1


def gap(name: str) -> KnownGap:
    return KnownGap(
        run=AT_BOOT.name, verdict=name, reason="PR 12", owner="pay", since=TODAY, expires=TODAY
    )


@pytest.mark.parametrize(("names", "code"), [(("starts", "degrades"), 0), (("starts",), 1)])
def test_a_known_gap_tolerates_the_need_that_follows_from_it(
    names: tuple[str, ...], code: int
) -> None:
    """The app does not start: that is the gap. It needs more only where it is not tolerated."""
    web = topology().apps["web"]
    web = replace(web, policies=BOOT_ONLY, needs={"postgres": {"refused": "soft"}})
    shop = replace(SHOP, apps={"web": web}, known_gaps=tuple(map(gap, names)))
    run = matrix(running=Outcome.PASS)
    fails = verdict(Outcome.FAIL)
    both = (replace(fails, name="starts"), replace(fails, name="degrades"))
    run.ran[AT_BOOT] = replace(run.ran[AT_BOOT], verdicts=both)
    found = decided(run, shop, gate=True)
    assert found.exit_code == code
    assert bool(found.needs) == bool(code)

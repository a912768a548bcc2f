"""A saved cell is described and judged again from its files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from rigs.cell_histories import (
    all_well,
    behaviour,
    both,
    cell,
    end,
    fault,
    health,
    live,
    refused,
    stop,
    topology,
    up,
)

from chaoslab.history.events import AnyEvent, FaultMissed
from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting
from chaoslab.matrix.plans import plan_of
from chaoslab.matrix.run import Matrix
from chaoslab.matrix.saved import described_again, judged_again_as, save_cell
from chaoslab.model.cell import Cell
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.policy import Policies
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Verdict
from chaoslab.reason import Reason


def saved(path: Path, of: Cell, events: list[AnyEvent]) -> RunFolder:
    """The folder of a cell with this history."""
    folder, shop = RunFolder(path), topology()
    folder.save_plan(shop, resolve(plan_of(of, shop), shop))
    journal = Journal(folder.history_path)
    for event in sorted(events, key=lambda e: e.at_s):
        journal.append(event)
    journal.close()
    save_cell(folder, of)
    return folder


def test_a_saved_cell_has_the_same_sentence(tmp_path: Path) -> None:
    """From topology, plan, history and `cell.json`, with nothing running."""
    steady = cell("none")
    events = [*up(), *all_well(1.6, 3.5), *stop(3.5), *end(4.0)]
    folder = saved(tmp_path, steady, events)
    assert described_again(folder).sentence == behaviour(steady, events).sentence


def test_a_saved_cell_is_judged_as_if_its_app_had_other_deadlines(tmp_path: Path) -> None:
    """By the same history; the saved verdicts and files stay."""
    of, shop = cell("refused", "running"), topology()
    bad = [*health(3.0, 7.0, HealthState.UNHEALTHY, code=503), *both(3.0, 7.0, "failed", code=503)]
    good = [*health(7.0, 12.0), *both(7.0, 12.0), *live(3.0, 12.0), *end(12.0)]
    saved(tmp_path, of, [*up(), *all_well(1.6, 3.0), *fault(), *refused(), *bad, *good])
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir())
    web = shop.apps["web"]

    def outcomes(app: App) -> dict[str, str]:
        verdicts = judged_again_as(app, RunFolder(tmp_path), boot_s=1.0)
        return {verdict.name: verdict.outcome.value for verdict in verdicts}

    assert outcomes(web)["comes_back"] == "PASS"
    assert "unavailable" not in outcomes(web)
    strict = replace(web, deadlines=replace(web.deadlines, recovery_s=0.5))
    assert outcomes(strict)["comes_back"] == "FAIL"
    policies = {"postgres": Policies(running={"refused": "unavailable"})}
    assert outcomes(replace(web, policies=policies))["unavailable"] == "PASS"
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("unsupported", [True, False])
async def test_a_fault_that_is_unsupported_while_the_app_runs_is_not_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unsupported: bool
) -> None:
    """As one that is refused before the spawn; a fault that was missed otherwise is not known."""
    why = Reason(code="text", text="no conntrack here")
    gone = FaultMissed(at_s=3.0, fault="fault", why=why, unsupported=unsupported)

    async def carried_out(
        _topology: Topology, plan: Plan, _setting: Setting, folder: RunFolder
    ) -> tuple[Verdict, ...]:
        well = [*up(), *all_well(1.6, 5.0)]
        steady = plan.name == "steady"
        of = cell("none") if steady else cell()
        saved(folder.path, of, [*well, *(stop(5.0) if steady else [gone]), *end(6.0)])
        return ()

    monkeypatch.setattr("chaoslab.matrix.run.carry_out", carried_out)
    shop, lines = topology(), list[str]()
    matrix = Matrix(shop, Setting(seed=1), tmp_path, workers=1, say=lines.append)
    result = await matrix.run([cell("none"), cell()])
    ran = result.ran[cell()]
    assert (ran.possible, ran.behaviour.known) == (not unsupported, False)
    assert "no conntrack here" in ran.behaviour.sentence
    left = ["steady"] if unsupported else ["postgres-refused-running", "steady"]
    assert sorted(os.listdir(tmp_path)) == left

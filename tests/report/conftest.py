"""Runs on disk, saved by the house's own code."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from made_boots import INFO, TOPOLOGY, MakeRun, degraded_then_recovered

from chaoslab.history.events import AnyEvent
from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Saves a scenario's run below tmp_path/results and gives the run's folder."""
    begun = iter(range(1_700_000_000, 1_800_000_000, 60))

    def make(
        run: str,
        events: list[AnyEvent] | None = None,
        scenario: str = INFO.scenario,
        topology: Topology = TOPOLOGY,
    ) -> Path:
        folder = RunFolder(tmp_path / "results" / run / scenario)
        folder.save_before(topology, Plan(name=scenario), replace(INFO, scenario=scenario))
        journal = Journal(folder.history_path)
        for event in degraded_then_recovered() if events is None else events:
            journal.append(event)
        journal.close()
        stamp = next(begun)
        os.utime(folder.path / "plan.json", (stamp, stamp))
        return folder.path.parent

    return make

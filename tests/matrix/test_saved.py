"""The behaviour in a saved cell is described again from its files."""

from __future__ import annotations

from pathlib import Path

from rigs.cell_histories import all_well, behaviour, cell, end, stop, topology, up

from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder
from chaoslab.matrix.plans import plan_of
from chaoslab.matrix.saved import described_again, save_cell
from chaoslab.model.plan import resolve


def test_a_saved_cell_has_the_same_sentence(tmp_path: Path) -> None:
    """From topology, plan, history and `cell.json`, with nothing running."""
    steady, shop = cell("none"), topology()
    events = [*up(), *all_well(1.6, 3.5), *stop(3.5), *end(4.0)]
    folder = RunFolder(tmp_path)
    folder.save_plan(shop, resolve(plan_of(steady, shop), shop))
    journal = Journal(folder.history_path)
    for event in sorted(events, key=lambda e: e.at_s):
        journal.append(event)
    journal.close()
    save_cell(folder, steady)
    assert described_again(folder).sentence == behaviour(steady, events).sentence

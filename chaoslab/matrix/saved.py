"""The file `cell.json` in the folder of a cell, with which its run can be described and judged
again.
"""

from __future__ import annotations

from pydantic import TypeAdapter

from chaoslab.behaviour.described import Behaviour, described
from chaoslab.history.files import write_file
from chaoslab.history.run_folder import RunFolder
from chaoslab.matrix.judged import judged_as
from chaoslab.model.cell import Cell
from chaoslab.model.topology import App
from chaoslab.model.verdict import Verdict
from chaoslab.registry import kinds

NAME = "cell.json"
_CELL: TypeAdapter[Cell] = TypeAdapter(Cell)


def save_cell(folder: RunFolder, cell: Cell) -> None:
    """Write the cell into the folder of its run. Raises ResultsUnwritable."""
    write_file(folder.path / NAME, _CELL.dump_json(cell, indent=2) + b"\n")


def described_again(folder: RunFolder) -> Behaviour:
    """The behaviour in a saved cell, from the files of its run alone."""
    return described(_cell(folder), folder.topology(), folder.plan(kinds()), folder.history())


def judged_again_as(app: App, folder: RunFolder, *, boot_s: float) -> tuple[Verdict, ...]:
    """The verdicts of a saved cell if its app had the policies and deadlines of `app`."""
    return judged_as(
        app,
        _cell(folder),
        folder.topology(),
        folder.plan(kinds()),
        folder.history(),
        boot_s=boot_s,
    )


def _cell(folder: RunFolder) -> Cell:
    return _CELL.validate_json((folder.path / NAME).read_bytes())

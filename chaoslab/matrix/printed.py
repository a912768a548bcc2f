"""Prints and saves a run of the matrix."""

from __future__ import annotations

import click
from rich.console import Console

from chaoslab.history.files import write_file
from chaoslab.matrix.decision import Decision
from chaoslab.matrix.document import as_json
from chaoslab.matrix.markdown import as_markdown
from chaoslab.matrix.run import MatrixRun
from chaoslab.matrix.table import matrix_text
from chaoslab.model.cell import Cell
from chaoslab.model.topology import Topology
from chaoslab.report.verdicts_text import judged

WIDTH = 80  # columns, if the output is no terminal
FILE = "matrix.json"


def saved(run: MatrixRun, decision: Decision, topology: Topology) -> None:
    """Write the run as `matrix.json` into its folder. Raises ResultsUnwritable."""
    write_file(run.folder / FILE, as_json(run, decision, topology).encode() + b"\n")


def printed(
    run: MatrixRun, decision: Decision, topology: Topology, form: str, held: Cell | None = None
) -> None:
    """Print the run; `form` is `text`, `markdown` or `json`. As text, all verdicts of the cell
    `held` are printed too.
    """
    if form == "json":
        click.echo(as_json(run, decision, topology))
    elif form == "markdown":
        click.echo(as_markdown(run, decision))
    else:
        console = Console()
        shown = console if console.is_terminal else Console(width=WIDTH)
        shown.print(matrix_text(run, decision))
        if held is not None and (ran := run.ran.get(held)) is not None and ran.verdicts:
            shown.print(judged(held.name, ran.verdicts))

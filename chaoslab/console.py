"""The console and the table style that all commands share."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

WIDTH = 140  # columns, if the output is no terminal: enough for every table


def wide_console() -> Console:
    """A console as wide as the terminal; `WIDTH` columns wide if the output is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def plain_table(title: str = "", *, dense: bool = False) -> Table:
    """An empty table with a line below its head; `dense` has less space between columns."""
    return Table(
        title=title or None,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=dense,
    )

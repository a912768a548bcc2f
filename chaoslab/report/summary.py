"""The table of start-up times that a pytest session prints at its end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from chaoslab.report.boots import boots, save_boots
from chaoslab.report.text import latencies

WIDTH = 128  # columns; enough for the longest scenario name of the reference on one line


def summary(run: Path) -> Iterator[str]:
    """Yield the lines of a run's table of start-up times, then write its boots.csv."""
    rows = boots([run])
    if not rows:
        yield "no app was spawned"
        return
    sink = io.StringIO()
    Console(file=sink, width=WIDTH).print(latencies(rows))
    yield from sink.getvalue().splitlines()
    list(save_boots(rows, [run]))

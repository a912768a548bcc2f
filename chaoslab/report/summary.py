"""What a pytest session prints at its end: its runtime, and the table of start-up times."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from chaoslab.history.run_folder import scenario_folders
from chaoslab.report.boots import boots, save_boots
from chaoslab.report.how_long import line, read_how_long, saved_searches
from chaoslab.report.text import latencies

WIDTH = 128  # columns; enough for the longest scenario name of the reference on one line


def summary(run: Path) -> Iterator[str]:
    """Yield the lines about a run's runtime, start-up times and searches, then write its
    boots.csv.
    """
    infos = (folder.info() for folder in scenario_folders(run))
    for name, note in sorted({(info.runtime, info.runtime_note) for info in infos}):
        yield f"runtime {name}; {note}" if note else f"runtime {name}"
    rows = boots([run])
    if not rows:
        yield "no app was spawned"
        return
    sink = io.StringIO()
    Console(file=sink, width=WIDTH).print(latencies(rows))
    yield from sink.getvalue().splitlines()
    for folder in saved_searches(run):
        yield line(folder.name, read_how_long(folder))
    list(save_boots(rows, [run]))

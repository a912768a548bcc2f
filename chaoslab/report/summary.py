"""What a pytest session prints at its end: its runtime, and the table of start-up times."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from chaoslab.history.run_folder import scenario_folders
from chaoslab.report.boots import boots, save_boots
from chaoslab.report.text import latencies

WIDTH = 128  # columns; enough for the longest scenario name of the reference on one line


def summary(run: Path) -> Iterator[str]:
    """Yield the lines about a run's runtime and start-up times, then write its boots.csv."""
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
    list(save_boots(rows, [run]))

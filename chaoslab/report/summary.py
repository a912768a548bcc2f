"""What a finished run prints of itself: the latencies per scenario, saved beside it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from chaoslab.report.frames import boots_frame, save_boots
from chaoslab.report.text import latencies

WIDTH = 128  # wide enough for the longest of the reference's scenarios on one line


def summary(run: Path) -> Iterator[str]:
    """The lines of a run's table; writes its boots.csv."""
    boots = boots_frame([run])
    if boots.empty:
        yield "no app was spawned"
        return
    sink = io.StringIO()
    Console(file=sink, width=WIDTH).print(latencies(boots))
    yield from sink.getvalue().splitlines()
    list(save_boots(boots, [run]))

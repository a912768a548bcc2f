"""What a preflight found, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from chaoslab.preflight.finding import Inspected
from chaoslab.preflight.outcome import MEANING, Walk
from chaoslab.printable import each_line, one_line
from chaoslab.services.path import STEPS, Step


def inspected_text(inspected: Inspected) -> Group:
    """Rule by rule: what held, with its figures, and every finding with its line and fix."""
    lines = [Text(each_line(f"ok    {each}")) for each in inspected.checks]
    lines += [Text(each_line(f"BAD   {each}"), style="red") for each in inspected.findings]
    count = len(inspected.findings)
    told = f"{count} finding{'s' if count > 1 else ''}" if count else "all checks passed"
    return Group(*lines, Text(one_line(f"{inspected.file}: {told}"), style="bold"))


def walks_text(walks: Sequence[Walk]) -> Group:
    """A row for each path: how long each step took, where it ended; below it what that means."""
    table = Table(
        title="Paths from this machine: milliseconds of each step",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("link")
    table.add_column("address", overflow="fold")
    for name in STEPS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ended", no_wrap=True)
    for walk in walks:
        good = walk.outcome == "answered"
        cells = [Text(_cell(walk, step)) for step in STEPS]
        ended = Text(walk.outcome, style="green" if good else "red")
        table.add_row(Text(one_line(walk.link)), Text(one_line(walk.address or "-")), *cells, ended)
    return Group(table, *(Text(one_line(line)) for walk in walks for line in _told(walk)))


def _cell(walk: Walk, step: Step) -> str:
    took_s = walk.took_s.get(step)
    if took_s is None:
        return "-"
    mark = "!" if step == walk.step and walk.outcome != "answered" else ""
    return f"{mark}{took_s * 1000:.0f}"


def _told(walk: Walk) -> Iterator[str]:
    means, fix = MEANING[walk.outcome]
    said = f": {walk.words}" if walk.words else ""
    if walk.outcome == "answered":
        if walk.words:
            yield f"{walk.link}: answered; {walk.words}"
        return
    after = f" after {walk.took_s[walk.step]:.1f} s" if walk.step in walk.took_s else ""
    yield f"{walk.link}: {walk.outcome} at step '{walk.step}'{after}{said}"
    yield f"  {means}; {fix}"
    if walk.source:
        yield f"  the address is from {walk.source}"

"""The results of a preflight as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.text import Text

from chaoslab.console import plain_table
from chaoslab.preflight.finding import Inspected
from chaoslab.preflight.outcome import MEANING, CheckedPath
from chaoslab.printable import each_line, one_line
from chaoslab.services.path import STEPS, Step


def inspected_text(inspected: Inspected) -> Group:
    """The rules that hold, with their figures, and every finding with its line and fix, to
    print.
    """
    lines = [Text(each_line(f"ok    {each}")) for each in inspected.checks]
    lines += [Text(each_line(f"BAD   {each}"), style="red") for each in inspected.findings]
    count = len(inspected.findings)
    result = f"{count} finding{'s' if count > 1 else ''}" if count else "all checks passed"
    return Group(*lines, Text(one_line(f"{inspected.file}: {result}"), style="bold"))


def paths_text(paths: Sequence[CheckedPath]) -> Group:
    """A table with a row for each path: the time of each step, and the outcome.

    Below it are the meaning and the fix of each outcome other than `answered`.
    """
    table = plain_table("Paths from this machine: milliseconds of each step")
    table.add_column("link")
    table.add_column("address", overflow="fold")
    for name in STEPS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ended", no_wrap=True)
    for path in paths:
        good = path.outcome == "answered"
        cells = [Text(_cell(path, step)) for step in STEPS]
        ended = Text(path.outcome, style="green" if good else "red")
        table.add_row(Text(one_line(path.link)), Text(one_line(path.address or "-")), *cells, ended)
    return Group(table, *(Text(one_line(line)) for path in paths for line in _notes(path)))


def _cell(path: CheckedPath, step: Step) -> str:
    took_s = path.took_s.get(step)
    if took_s is None:
        return "-"
    mark = "!" if step == path.step and path.outcome != "answered" else ""
    return f"{mark}{took_s * 1000:.0f}"


def _notes(path: CheckedPath) -> Iterator[str]:
    meaning, fix = MEANING[path.outcome]
    if path.outcome == "answered":
        if path.words:
            yield f"{path.link}: answered; {path.words}"
        return
    quoted = f": {path.words}" if path.words else ""
    after = f" after {path.took_s[path.step]:.1f} s" if path.step in path.took_s else ""
    yield f"{path.link}: {path.outcome} at step '{path.step}'{after}{quoted}"
    yield f"  {meaning}; {fix}"
    if path.source:
        yield f"  the address is from {path.source}"

"""The table of start-up times per scenario, and how runs differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from chaoslab.console import plain_table
from chaoslab.report.boots import Row
from chaoslab.report.columns import TIMES, columns
from chaoslab.report.stats import (
    ENOUGH_FOR_INTERVAL,
    ENOUGH_FOR_P95,
    Comparison,
    Delta,
    Spread,
    compared,
    paired_deltas,
)
from chaoslab.report.verdicts_text import STYLES

_BY = "startup_complete_s"
_NONE = "-"


def latencies(boots: Sequence[Row]) -> Group:
    """A table to print, of the start-up times per scenario and run: counts, p50, p95 and the
    difference to the first run.

    `boots` are rows of `chaoslab.report.boots.boots`. Notes below the table mention few values and
    incomplete start-ups, and compare the runs over all scenarios.
    """
    rows = tuple(compared(boots, (*TIMES, *columns())))
    runs = tuple(dict.fromkeys(row.run for row in rows))
    apps = {row.app for row in rows}
    table = _empty_table(several=len(runs) > 1)
    last = ""
    for row in rows:
        if last and row.scenario != last and len(runs) > 1:
            table.add_section()
        table.add_row(*_cells(row, several_apps=len(apps) > 1, several_runs=len(runs) > 1))
        last = row.scenario
    return Group(table, *(Text(note) for note in _notes(rows, boots)))


def _empty_table(several: bool) -> Table:
    table = plain_table("Start-up latency per scenario: medians, in seconds", dense=True)
    table.add_column("scenario", overflow="fold")
    if several:
        table.add_column("run", overflow="fold")
    for name in ("boots", "bind", "first\nanswer", "complete\np50", "complete\np95"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("ready or\ndegraded", "recovered"):
        table.add_column(name, justify="right", no_wrap=True)
    for column in columns().values():
        table.add_column(column.heading, justify="right", no_wrap=True)
    if several:
        table.add_column("delta of complete\np50 (95 % interval)", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    return table


def _cells(row: Comparison, *, several_apps: bool, several_runs: bool) -> Iterator[str | Text]:
    name = f"{row.scenario} {row.app}" if several_apps else row.scenario
    yield name if row.boot == 1 else f"{name}, boot {row.boot}"
    if several_runs:
        yield row.run
    complete = row.spreads[_BY]
    yield str(row.boots) if complete.n == row.boots else f"{complete.n} of {row.boots}"
    yield _seconds(row.spreads["bind_s"].p50_s)
    yield _seconds(row.spreads["first_answer_s"].p50_s)
    yield _seconds(complete.p50_s)
    yield _p95(complete)
    yield _seconds(row.spreads["ready_or_degraded_s"].p50_s)
    yield _seconds(row.spreads["recovered_s"].p50_s)
    for name, column in columns().items():
        yield _seconds(row.spreads[name].p50_s, column.decimals)
    if several_runs:
        yield _delta(row.delta)
    yield Text(row.verdict or _NONE, style=STYLES.get(row.verdict, ""))


def _seconds(value: float | None, decimals: int = 3) -> str:
    return _NONE if value is None else f"{value:.{decimals}f}"


def _p95(spread: Spread) -> str:
    if spread.p95_s is None or spread.n == 1:
        return _NONE
    return f"max {spread.p95_s:.3f}" if spread.p95_is_max else f"{spread.p95_s:.3f}"


def _delta(delta: Delta | None) -> str:
    if delta is None:
        return _NONE
    if delta.low_s is None or delta.high_s is None:
        return f"{delta.delta_s:+.3f} (n<{ENOUGH_FOR_INTERVAL})"
    return f"{delta.delta_s:+.3f} ({delta.low_s:+.3f} to {delta.high_s:+.3f})"


def _notes(rows: Sequence[Comparison], boots: Sequence[Row]) -> Iterator[str]:
    unfinished = sum(row.boots - row.spreads[_BY].n for row in rows)
    if unfinished:
        yield (
            f"{unfinished} of {len(boots)} boots did not complete their start-up;"
            " all figures are of completed start-ups."
        )
    few = [row for row in rows if row.spreads[_BY].n < ENOUGH_FOR_P95]
    if few:
        yield f"Below {ENOUGH_FOR_P95} boots there is no p95: the table shows the maximum."
    for run, delta in paired_deltas(boots).items():
        difference = f"{_delta(delta)} s; {_significance(delta)}"
        yield f"{run} minus the first run, over all scenarios: {difference}."


def _significance(delta: Delta) -> str:
    if delta.low_s is None:
        return "too few common scenarios to decide"
    return "significant difference" if delta.is_clear else "no significant difference"

"""The result of a gate as text: the table of stages, what did not pass and why, the decision."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from chaoslab.console import plain_table
from chaoslab.gate.rates import rates
from chaoslab.gate.result import Decision, GateResult, RoundResult, ScenarioResult, StageResult
from chaoslab.printable import each_line, one_line
from chaoslab.report.how_long import line

_STYLES = {
    "PASS": "green",
    "FLAKY": "yellow",
    "UNKNOWN": "yellow",
    "FAIL": "bold red",
    "skipped": "yellow",
    "not run": "dim",
    "passed": "green",
    "inconclusive": "yellow",
    "refused": "bold red",
    "aborted": "bold red",
    "usage": "bold red",
}
_MEANINGS = {
    Decision.PASSED: "every stage reached its pass rate; nothing is undecided",
    Decision.REFUSED: "this build must not be released",
    Decision.USAGE: "the gate could not run as requested",
    Decision.INCONCLUSIVE: "undecided: do not release on this result",
    Decision.ABORTED: "stopped before the end",
}
_FEW_LINES = 8  # of one scenario's reasons; verdict.json has them all


def gate_text(result: GateResult) -> Group:
    """The text that a gate prints at its end: stages, scenarios that did not pass, and the
    decision.
    """
    return Group(*_parts(result))


def _parts(result: GateResult) -> Iterator[RenderableType]:
    if result.preflight is not None:
        yield from _preflight(result)
    for number, each in enumerate(result.rounds, start=1):
        yield _table(each, f"round {number}" if result.repeat > 1 else "")
    if result.repeat > 1:
        yield _rates(result)
    for scenario in result.to_explain:
        yield from _scenario(scenario)
    for name, search in result.searches:
        yield Text(line(name, search))
    yield Text()
    for why in result.why:
        yield Text(one_line(why))
    decision = result.decision
    yield Text(f"saved in {result.folder}", style="dim")
    yield Text.assemble(
        ("gate: ", "bold"),
        (decision.value, _STYLES[decision.value]),
        f" (exit {decision.exit_code}: {_MEANINGS[decision]})",
    )


def _preflight(result: GateResult) -> Iterator[Text]:
    assert result.preflight is not None
    if not result.preflight.findings:
        count = len(result.preflight.checks)
        yield Text(f"preflight: {count} checks of {result.preflight.file} passed", style="green")
    for finding in result.preflight.findings:
        yield Text.assemble(("preflight: ", "bold red"), each_line(str(finding)))


def _table(each: RoundResult, title: str) -> Table:
    table = plain_table(title)
    table.add_column("stage", overflow="fold")
    for name in (
        "required",
        "passed",
        "PASS",
        "FLAKY",
        "UNKNOWN",
        "FAIL",
        "skipped",
        "not run",
        "s",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("decision", no_wrap=True)
    for stage in each.stages:
        table.add_row(*_cells(stage))
    for name in each.not_reached:
        table.add_row(
            Text(one_line(name), style="dim"), *[""] * 9, Text("not reached", style="dim")
        )
    return table


def _cells(stage: StageResult) -> Iterator[Text | str]:
    yield Text(one_line(stage.stage.name))
    yield f"{stage.stage.pass_rate:.2f}"
    yield f"{stage.pass_rate:.2f}"
    for outcome, count in stage.counts.items():
        yield Text(str(count), style=_STYLES[outcome] if count else "dim")
    yield f"{stage.seconds:.0f}"
    yield Text(stage.decision.value, style=_STYLES[stage.decision.value])


def _rates(result: GateResult) -> Table:
    table = plain_table("Each scenario over all rounds, first attempts only")
    table.add_column("scenario", overflow="fold")
    for name in ("passed", "failed", "UNKNOWN", "skipped", "pass rate (95 % interval)"):
        table.add_column(name, justify="right", no_wrap=True)
    for rate in rates(result.rounds):
        counts = (rate.passed, rate.failed, rate.unknown, rate.skipped)
        table.add_row(Text(one_line(rate.scenario)), *map(str, counts), rate.interval)
    return table


def _scenario(result: ScenarioResult) -> Iterator[Text]:
    yield Text.assemble(
        (f"{result.outcome:<8}", _STYLES[result.outcome]), one_line(result.scenario)
    )
    for reason in result.reasons[:_FEW_LINES]:
        yield Text(f"        {one_line(reason)}")
    if (more := len(result.reasons) - _FEW_LINES) > 0:
        yield Text(f"        … and {more} more lines in verdict.json", style="dim")
    for folder in result.folders:
        yield Text(f"        history: {folder}/history.jsonl", style="dim")

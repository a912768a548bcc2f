"""Writes `summary.md`: the result of a gate on one page, as for the summary of a CI job."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from chaoslab.gate.rates import rates
from chaoslab.gate.result import Decision, GateResult, RoundResult, ScenarioResult
from chaoslab.history.files import write_file
from chaoslab.printable import one_line
from chaoslab.report.how_long import line

_MARKS = re.compile(r"[\\`*\[\]|]")  # characters with a meaning in Markdown, even inside a word
_MOST_LINES = 30  # of one scenario's reasons; verdict.json has them all


def save_summary(result: GateResult, *, appended_to: str = "") -> Path:
    """Write `summary.md` into the gate's folder, and return its path.

    The text is also appended to the file `appended_to`, if one is given.
    """
    text = "\n".join(summary(result)) + "\n"
    path = Path(result.folder) / "summary.md"
    write_file(path, text.encode("utf-8", "replace"))
    if appended_to:
        with open(appended_to, "a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    return path


def summary(result: GateResult) -> Iterator[str]:
    """The lines of `summary.md`."""
    decision = result.decision
    yield f"## Gate: {decision.value} (exit {decision.exit_code})"
    yield ""
    yield f"{_code(result.topology)} on {result.runtime.text} ({result.runtime.why})"
    yield f"in {result.seconds:.0f} s, begun {result.started_at}."
    for command in result.commands:
        yield f"Another build: {_code(command)}."
    yield ""
    for why in result.why:
        yield f"- {_plain(why)}"
    if result.preflight is not None:
        yield from _preflight(result)
    for number, each in enumerate(result.rounds, start=1):
        if result.repeat > 1:
            yield from ("", f"### Round {number}: {each.decision.value}")
        yield from _stages(each)
    if result.repeat > 1:
        yield from _rates(result)
    yield from _searches(result)
    for scenario in result.to_explain:
        yield from _scenario(scenario)


def _preflight(result: GateResult) -> Iterator[str]:
    assert result.preflight is not None
    findings = result.preflight.findings
    yield ""
    yield f"### Preflight of {_code(result.preflight.file)}"
    yield ""
    if not findings:
        yield f"{len(result.preflight.checks)} checks passed."
    for finding in findings:
        yield f"- {_plain(str(finding))}"


def _stages(each: RoundResult) -> Iterator[str]:
    if not each.stages:
        return
    yield ""
    yield "| stage | decision | must pass | passed | PASS | FLAKY | UNKNOWN | FAIL | skipped | s |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for stage in each.stages:
        counts = stage.counts
        decision = stage.decision.value
        shown = decision if stage.decision is Decision.PASSED else f"**{decision}**"
        yield (
            f"| {_plain(stage.stage.name)} | {shown} "
            f"| {stage.stage.pass_rate:g} | {stage.pass_rate:.3g} "
            f"| {counts['PASS']} | {counts['FLAKY']} | {counts['UNKNOWN']} | {counts['FAIL']} "
            f"| {counts['skipped']} | {stage.seconds:.0f} |"
        )
    for name in each.not_reached:
        yield f"| {_plain(name)} | not reached | | | | | | | | |"


def _rates(result: GateResult) -> Iterator[str]:
    yield from ("", "### Scenarios over all rounds", "")
    yield "| scenario | passed | failed | UNKNOWN | skipped | pass rate (95 % interval) |"
    yield "|---|---:|---:|---:|---:|---|"
    for rate in rates(result.rounds):
        yield (
            f"| {_plain(rate.scenario)} | {rate.passed} | {rate.failed} | {rate.unknown} "
            f"| {rate.skipped} | {rate.interval} |"
        )


def _searches(result: GateResult) -> Iterator[str]:
    shown = [f"- {_plain(line(name, search))}" for name, search in result.searches]
    if shown:
        yield from ("", "### How long a fault may last", "", *shown)


def _scenario(result: ScenarioResult) -> Iterator[str]:
    yield ""
    yield f"<details><summary>{result.outcome}: {_html(result.scenario)}</summary>"
    yield ""
    # an indented block, in which the log of an app stays plain text
    for reason in result.reasons[:_MOST_LINES]:
        yield f"    {one_line(reason)}"
    if (more := len(result.reasons) - _MOST_LINES) > 0:
        yield f"    … and {more} more lines in verdict.json"
    yield ""
    yield "</details>"


def _plain(text: str) -> str:
    """The text on one line, with the characters of tables, tags, links and images escaped."""
    return _MARKS.sub(r"\\\g<0>", _html(" ".join(text.split())))


def _html(text: str) -> str:
    return html.escape(one_line(text), quote=False)


def _code(text: str) -> str:
    """The text as Markdown code; its own backticks are replaced."""
    return "`" + one_line(text).replace("`", "'") + "`"

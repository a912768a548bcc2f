"""The corpus as text: the list of defects, and how often each build was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from chaoslab.console import plain_table
from chaoslab.corpus.ledger import GOOD, Entry
from chaoslab.corpus.records import Defect
from chaoslab.printable import one_line
from chaoslab.report.wilson import wilson

_STYLES = {"refused": "green", "missed": "red", "unclear": "yellow", "passed": "green"}


def listed(defects: Sequence[Defect]) -> Table:
    """A table of the defects: what each does, and the verdict and scenarios that must refuse it."""
    table = plain_table("Builds with known defects", dense=True)
    for name in ("no.", "defect", "description", "refused by", "in"):
        table.add_column(name, overflow="fold")
    for defect in defects:
        table.add_row(
            str(defect.number),
            defect.name,
            escape(defect.title),
            defect.primary,
            escape("\n".join(_grouped(defect.scenarios))),
        )
    return table


def _grouped(scenarios: Sequence[str]) -> Iterator[str]:
    """The name of each test once, with the parameters of all of its scenarios in brackets."""
    tests: dict[str, list[str]] = {}
    for scenario in scenarios:
        test, _, parameter = scenario.partition("[")
        tests.setdefault(test, []).append(parameter.removesuffix("]"))
    for test, parameters in tests.items():
        yield test + (f"[{', '.join(parameters)}]" if parameters[0] else "")


def line(entry: Entry) -> Text:
    """The line for a trial that has ended, and below it the reasons `why` of the entry."""
    what = entry.outcome
    if entry.outcomes:
        what += " (" + ", ".join(f"{count} {name}" for name, count in entry.outcomes) + ")"
    text = Text(f"{entry.build:<40} ")
    text.append(what, style=_STYLES.get(entry.outcome, "yellow"))
    text.append(f" after {entry.seconds:.1f} s")
    for why in entry.why:
        text.append(f"\n    {one_line(why)}")
    return text


def results(defects: Sequence[Defect], entries: Sequence[Entry]) -> Group:
    """A table with a row for each defect: the verdict, the time, and how often the build was
    refused, with a 95 % interval. Below it, how often the good build had a false alarm or was
    UNKNOWN.
    """
    table = plain_table("Builds refused for the expected reason", dense=True)
    for name in (
        "no.",
        "defect",
        "verdict",
        "seconds\n(median)",
        "refused",
        "95 % interval",
        "other",
    ):
        table.add_column(name, overflow="fold")
    for defect in defects:
        table.add_row(*_row(defect, [e for e in entries if e.build == defect.name]))
    good = [entry for entry in entries if entry.build == GOOD]
    return Group(table, *(Text(line) for line in _good(good)))


def _row(defect: Defect, entries: Sequence[Entry]) -> Iterator[str]:
    counts = Counter(entry.outcome for entry in entries)
    seconds = sorted(entry.seconds for entry in entries)
    yield str(defect.number)
    yield defect.name
    yield defect.primary
    yield f"{seconds[len(seconds) // 2]:.1f}" if seconds else "-"
    yield f"{counts['refused']} of {len(entries)}"
    yield _interval(counts["refused"], len(entries))
    yield ", ".join(f"{counts[word]} {word}" for word in ("missed", "unclear") if counts[word])


def _good(entries: Sequence[Entry]) -> Iterator[str]:
    if not entries:
        yield "The good build was not tested."
        return
    runs = Counter(
        name for entry in entries for name, count in entry.outcomes for _ in range(count)
    )
    n, alarms, unknown = sum(runs.values()), runs["FAIL"], runs["UNKNOWN"] + runs["skipped"]
    wrong = sum(any(name == "FAIL" for name, _ in entry.outcomes) for entry in entries)
    seconds = sorted(entry.seconds for entry in entries)[len(entries) // 2]
    yield (
        f"The good build ran the gate's scenarios {len(entries)} times ({seconds:.0f} s each),"
        f" {wrong} with a false alarm; {alarms} of {n} scenarios ({_interval(alarms, n)}),"
        f" {unknown} UNKNOWN or skipped."
    )


def _interval(k: int, n: int) -> str:
    if not n:
        return "-"
    low, high = wilson(k, n)
    return f"{100 * low:.1f} to {100 * high:.1f} %"

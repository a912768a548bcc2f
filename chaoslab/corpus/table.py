"""The corpus as text: the list of records, and how often each build was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from chaoslab.console import plain_table
from chaoslab.corpus.builds import twin_of
from chaoslab.corpus.ledger import GOOD, Entry
from chaoslab.corpus.record import Defect, Record, Service
from chaoslab.printable import one_line
from chaoslab.report.wilson import wilson

_STYLES = {"refused": "green", "missed": "red", "unclear": "yellow", "passed": "green"}
_COUNTS = ("seconds\n(median)", "refused", "95 % interval")


def listed(records: Sequence[Record]) -> Group:
    """A table of the defects, and one of the services of the field corpus: what each does, and the
    verdict and scenarios that must refuse it.
    """
    defects, services = _split(records)
    tables = []
    if defects:
        columns = ["no.", "defect", "description", "refused by", "in"]
        tables.append(_table("Builds with known defects", columns))
        for record, defect in defects:
            tables[-1].add_row(str(defect.number), *_described(record))
    if services:
        columns = ["service", "description", "refused by", "in", "library", "report"]
        tables.append(_table("Services that follow public reports", columns))
        for record, service in services:
            tables[-1].add_row(*_described(record), escape(service.library), escape(record.source))
    return Group(*tables)


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


def skipped(record: Record, service: Service) -> Text:
    """The line for a service that cannot run on this machine."""
    return Text(f"{record.name:<40} skipped: {one_line('; '.join(service.missing))}")


def results(records: Sequence[Record], entries: Sequence[Entry]) -> Group:
    """A row for each build with a bug: the verdict, the time, and how often it was refused, with a
    95 % interval. Defects and services have tables of their own.

    A service's row also has how often its twin passed. Below the tables: how often the good build
    had a false alarm or was UNKNOWN.
    """
    defects, services = _split(records)
    tables = []
    if defects:
        columns = ["no.", "defect", "verdict", *_COUNTS, "other"]
        tables.append(_table("Builds refused for the expected reason", columns))
        for record, defect in defects:
            tables[-1].add_row(str(defect.number), *_row(record, entries), _other(record, entries))
    if services:
        columns = ["service", "verdict", *_COUNTS, "twin\npassed", "other"]
        tables.append(_table("Services refused for the expected reason", columns))
        for record, service in services:
            passed, other = _twin(record, entries), _other(record, entries)
            other = f"skipped: {'; '.join(service.missing)}" if service.missing else other
            tables[-1].add_row(*_row(record, entries), passed, escape(one_line(other)))
    good = [entry for entry in entries if entry.build == GOOD]
    return Group(*tables, *(Text(line) for line in _good(good)))


def _split(
    records: Sequence[Record],
) -> tuple[list[tuple[Record, Defect]], list[tuple[Record, Service]]]:
    """The records of defects, and those of services, each with its target."""
    defects = [(each, each.target) for each in records if isinstance(each.target, Defect)]
    services = [(each, each.target) for each in records if isinstance(each.target, Service)]
    return defects, services


def _table(title: str, columns: Sequence[str]) -> Table:
    table = plain_table(title, dense=True)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _described(record: Record) -> Iterator[str]:
    yield record.name
    yield escape(record.title)
    yield record.primary.verdict
    yield escape("\n".join(_grouped(record.scenarios)))


def _grouped(scenarios: Sequence[str]) -> Iterator[str]:
    """The name of each test once, with the parameters of all of its scenarios in brackets."""
    tests: dict[str, list[str]] = {}
    for scenario in scenarios:
        test, _, parameter = scenario.partition("[")
        tests.setdefault(test, []).append(parameter.removesuffix("]"))
    for test, parameters in tests.items():
        yield test + (f"[{', '.join(parameters)}]" if parameters[0] else "")


def _row(record: Record, entries: Sequence[Entry]) -> Iterator[str]:
    mine = [entry for entry in entries if entry.build == record.name]
    refused = sum(entry.outcome == "refused" for entry in mine)
    seconds = sorted(entry.seconds for entry in mine)
    yield record.name
    yield record.primary.verdict
    yield f"{seconds[len(seconds) // 2]:.1f}" if seconds else "-"
    yield f"{refused} of {len(mine)}"
    yield _interval(refused, len(mine))


def _twin(record: Record, entries: Sequence[Entry]) -> str:
    outcomes = [entry.outcome for entry in entries if entry.build == twin_of(record.name)]
    return f"{outcomes.count('passed')} of {len(outcomes)}"


def _other(record: Record, entries: Sequence[Entry]) -> str:
    counts = Counter(entry.outcome for entry in entries if entry.build == record.name)
    return ", ".join(f"{counts[word]} {word}" for word in ("missed", "unclear") if counts[word])


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

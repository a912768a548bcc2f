"""The table of a matrix for a terminal: one row for each cell, then what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chaoslab.behaviour.dependency import MEANS, known_dependencies
from chaoslab.behaviour.steady import Problem
from chaoslab.console import plain_table
from chaoslab.matrix.decision import Decision
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.model.cell import AT, IN_WORDS
from chaoslab.model.verdict import Outcome
from chaoslab.printable import one_line
from chaoslab.report.verdicts_text import STYLES

SENTENCE = 400  # characters of one row
LINE = 200


def matrix_text(run: MatrixRun, decision: Decision) -> Group:
    """Everything to print of a run: the table of each app, the verdicts that fail, the decision."""
    parts: list[RenderableType] = []
    apps = dict.fromkeys(cell.app for cell in run.ran)
    for app in apps:
        rows = [ran for ran in run.ran.values() if ran.cell.app == app]
        parts.append(_table(rows, decision, title=app if len(apps) > 1 else ""))
    parts += list(_needs(run))
    parts += [part for problem in run.problems for part in _problem(problem, run)]
    parts += list(_wrong(run))
    parts += list(_stronger(decision))
    parts += list(_known_gaps(decision))
    parts.append(Text(one_line(decision.text), style="bold"))
    parts.append(Text(one_line(f"saved in {_shown(run.folder)}")))
    return Group(*parts)


def _table(rows: Sequence[Ran], decision: Decision, title: str) -> Table:
    """The rows of one app, with a heading for each service and moment."""
    table = plain_table(title, dense=True)
    table.add_column("fault", no_wrap=True)
    table.add_column("what the app does", overflow="fold", ratio=1)
    place = ""
    for ran in rows:
        cell = ran.cell
        if cell.steady:
            table.add_row(IN_WORDS["none"], _sentence(ran, decision))
            continue
        if (now := f"{cell.target}, {AT[cell.moment]}") != place:
            place = now
            table.add_section()
            table.add_row(Text(one_line(place), style="bold"), "")
        table.add_row(Text(f"  {IN_WORDS[cell.fault]}"), _sentence(ran, decision))
    return table


def _sentence(ran: Ran, decision: Decision) -> Text:
    text = Text(one_line(ran.behaviour.sentence, SENTENCE))
    if not ran.behaviour.known:
        text.stylize("yellow")
    if ran.cell.name in decision.tolerated:
        text = Text.assemble(("known gap: ", STYLES["UNKNOWN"]), text)
    elif ran.outcome is Outcome.FAIL:
        text = Text.assemble(("FAIL ", STYLES["FAIL"]), text)
    elif ran.would_fail:  # what the app seems to do may be what a busy machine did
        text = Text.assemble(("UNKNOWN ", STYLES["UNKNOWN"]), text)
    return text


def _needs(run: MatrixRun) -> Iterator[RenderableType]:
    """Yields the table of what each app needs each service for, and what its words mean."""
    found = known_dependencies(ran.behaviour for ran in run.ran.values())
    if not found:
        return
    several = len({each.app for each in found}) > 1
    faults = list(dict.fromkeys(fault for each in found for fault in each.needs))
    table = plain_table(dense=True)
    table.add_column("needs")
    for fault in faults:
        table.add_column(IN_WORDS[fault])
    for each in found:
        name = f"{each.app}: {each.service}" if several else each.service
        table.add_row(one_line(name), *(each.needs.get(fault, "") for fault in faults))
    yield table
    used = dict.fromkeys(need for each in found for need in each.needs.values())
    for need in used:
        yield Padding(Text(f"{need}: {MEANS[need]}", style="dim"), (0, 0, 0, 1))
    yield Text()


def _wrong(run: MatrixRun) -> Iterator[RenderableType]:
    """Yields each verdict that fails, or that would if the lab could judge, with its reasons."""
    for ran in run.ran.values():
        failed = [verdict for verdict in ran.verdicts if verdict.outcome is Outcome.FAIL]
        for verdict in (*failed, *ran.would_fail):
            outcome = verdict.outcome.value
            head = f"{ran.cell.name}: {verdict.name}: {verdict.claim}"
            yield Text.assemble((f"{outcome:<8}", STYLES[outcome]), one_line(head, LINE))
            for reason in verdict.because:
                yield Padding(Text(one_line(reason.text, LINE)), (0, 0, 0, 10))


def _stronger(decision: Decision) -> Iterator[RenderableType]:
    """Yields each need that is stronger than was accepted."""
    for reason in decision.needs:
        yield Text.assemble(("FAIL    ", STYLES["FAIL"]), one_line(reason.text, LINE))


def _known_gaps(decision: Decision) -> Iterator[RenderableType]:
    """Yields what became of each known gap of the topology in this run."""
    for name, notes in decision.gaps.items():
        style = STYLES["FAIL" if name in decision.failed else "UNKNOWN"]
        for note in notes:
            yield Text.assemble(("KNOWN   ", style), one_line(f"{name}: {note.text}", LINE))


def _problem(problem: Problem, run: MatrixRun) -> Iterator[RenderableType]:
    """Yields why no fault, or no other, was injected, with the app's last words and what to do."""
    head = f"'{problem.app}' is not healthy without a fault, so no fault was injected:"
    if problem.after:
        head = (
            f"'{problem.app}' is not as in its steady state again after {problem.after}, so no "
            "other fault was injected:"
        )
    yield Text(one_line(head), style="bold")
    for reason in problem.because:
        yield Padding(Text(one_line(reason.text, LINE)), (0, 0, 0, 2))
    if problem.log:
        yield Padding(Text("its last words:"), (0, 0, 0, 2))
    for line in problem.log:
        yield Padding(Text(one_line(f"| {line}", LINE)), (0, 0, 0, 4))
    yield Padding(Text(one_line(f"fix: {problem.fix}", LINE)), (0, 0, 0, 2))
    folder = next((r.folder for r in run.ran.values() if r.cell.app == problem.app), None)
    if folder is not None and problem.log:
        log = f"the whole log: {_shown(folder)}/app-{problem.app}.log"
        yield Padding(Text(one_line(log, LINE)), (0, 0, 0, 2))


def _shown(path: Path) -> str:
    """The path, relative to the working directory if it is inside it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

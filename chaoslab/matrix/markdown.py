"""A run of the matrix as Markdown, for a pull request or a wiki. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chaoslab.behaviour.dependency import known_dependencies
from chaoslab.matrix.decision import Decision
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.model.cell import IN_WORDS
from chaoslab.model.verdict import Outcome
from chaoslab.printable import one_line


def as_markdown(run: MatrixRun, decision: Decision) -> str:
    """The table of each app, what each app needs, and what is wrong."""
    return "\n".join([*_rows(run), *_needs(run), *_wrong(run, decision), _text(decision.text), ""])


def _rows(run: MatrixRun) -> Iterator[str]:
    several = len({cell.app for cell in run.ran}) > 1
    yield "| fault | what the app does | verdict |"
    yield "|---|---|---|"
    for ran in run.ran.values():
        label = f"{ran.cell.app}: {ran.cell.label}" if several else ran.cell.label
        yield f"| {_text(label)} | {_text(ran.behaviour.sentence)} | {_outcome(ran)} |"
    yield ""


def _needs(run: MatrixRun) -> Iterator[str]:
    found = known_dependencies(ran.behaviour for ran in run.ran.values())
    if not found:
        return
    faults = list(dict.fromkeys(fault for each in found for fault in each.needs))
    yield f"| app | service | {' | '.join(IN_WORDS[fault] for fault in faults)} |"
    yield f"|---|---|{'---|' * len(faults)}"
    for each in found:
        cells = " | ".join(each.needs.get(fault, "") for fault in faults)
        yield f"| {_text(each.app)} | {_text(each.service)} | {cells} |"
    yield ""


def _wrong(run: MatrixRun, decision: Decision) -> Iterator[str]:
    for ran in run.ran.values():
        for verdict in ran.verdicts:
            if verdict.outcome is Outcome.FAIL:
                yield f"- **FAIL** `{ran.cell.name}`: {verdict.name}: {_text(verdict.claim)}"
                yield from (f"  - {_text(reason.text)}" for reason in verdict.because)
    yield from (f"- **FAIL** {_text(reason.text)}" for reason in decision.needs)
    for name, notes in decision.gaps.items():
        yield from (f"- known gap `{name}`: {_text(note.text)}" for note in notes)
    for problem in run.problems:
        when = f"as in its steady state again after `{problem.after}`"
        how = when if problem.after else "healthy without a fault"
        yield f"- `{_text(problem.app)}` is not {how}:"
        yield from (f"  - {_text(reason.text)}" for reason in problem.because)
    yield ""


def _outcome(ran: Ran) -> str:
    return ran.outcome.value if ran.outcome else ""


def _text(text: str) -> str:
    """The text on one line of a table, with the marks of Markdown and HTML escaped."""
    safe = one_line(text)
    for mark in ("\\", "|", "`", "*", "<", "["):
        safe = safe.replace(mark, f"\\{mark}")
    return safe

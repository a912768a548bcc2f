"""The text of the self-test: a line for each trial as it ends, and a table of all."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.text import Text

from chaoslab.console import plain_table
from chaoslab.gate.self_test import TrialResult
from chaoslab.printable import one_line


def line(result: TrialResult, number: int, total: int) -> Text:
    """The line for a trial that has ended: its outcome and time, and why if it did not pass."""
    trial = one_line(f"{result.trial.scenario} {result.trial.mutation}")
    text = Text(f"[{number}/{total}] {trial}: ")
    text.append(_outcome(result), style="green" if result.passed else "red")
    text.append(f" after {result.seconds:.1f} s")
    if not result.passed:
        text.append(f"\n    {one_line(result.reason)}")
    return text


def table(results: Sequence[TrialResult], without_faults: Sequence[str], seconds: float) -> Group:
    """A table with a row for each trial, the undetected ones last. Below it, how many were
    detected, and the scenarios without a fault.
    """
    title = "Self-test: each fault disabled in turn; each run must end UNKNOWN"
    made = plain_table(title, dense=True)
    for name in ("scenario", "fault", "mutation", "outcome", "reason"):
        made.add_column(name, overflow="fold")
    order = {"bypassed": 1, "inert-to-app": 2}
    for each in sorted(
        results,
        key=lambda t: (
            not t.passed,
            t.trial.scenario,
            t.trial.mutation.fault,
            order.get(t.trial.mutation.kind, 0),
        ),
    ):
        mutation, style = each.trial.mutation, "green" if each.passed else "red"
        outcome = Text(_outcome(each), style=style)
        scenario, reason = escape(one_line(each.trial.scenario)), escape(one_line(each.reason))
        made.add_row(scenario, escape(mutation.fault), mutation.kind, outcome, reason)
    detected = sum(each.passed for each in results)
    notes = [f"{detected} of {len(results)} disabled faults detected, in {seconds:.0f} s."]
    if without_faults:
        notes.append(f"Scenarios without a fault: {', '.join(without_faults)}.")
    return Group(made, *(Text(note) for note in notes))


def _outcome(result: TrialResult) -> str:
    return result.outcome.value if result.outcome else "not run"

"""The self-test for people: a line for each trial as it ends, and a table of them all."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from chaoslab.gate.self_test import Tried
from chaoslab.printable import one_line


def line(tried: Tried, number: int, total: int) -> Text:
    """One trial that has ended."""
    trial = one_line(f"{tried.trial.scenario} {tried.trial.mutation}")
    text = Text(f"[{number}/{total}] {trial}: ")
    text.append(_outcome(tried), style="green" if tried.holds else "red")
    text.append(f" after {tried.seconds:.1f} s")
    if not tried.holds:
        text.append(f"\n    {one_line(tried.reason)}")
    return text


def table(tried: Sequence[Tried], faultless: Sequence[str], seconds: float) -> Group:
    """Every trial, those that fooled the lab last; then what there was nothing to disable in."""
    made = Table(
        title="Self-test: each fault disabled in turn; each run must end UNKNOWN",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for name in ("scenario", "fault", "mutation", "outcome", "reason"):
        made.add_column(name, overflow="fold")
    order = {"bypassed": 1, "inert-to-app": 2}
    for each in sorted(
        tried,
        key=lambda t: (
            not t.holds,
            t.trial.scenario,
            t.trial.mutation.fault,
            order.get(t.trial.mutation.kind, 0),
        ),
    ):
        mutation, style = each.trial.mutation, "green" if each.holds else "red"
        outcome = Text(_outcome(each), style=style)
        scenario, reason = escape(one_line(each.trial.scenario)), escape(one_line(each.reason))
        made.add_row(scenario, escape(mutation.fault), mutation.kind, outcome, reason)
    held = sum(each.holds for each in tried)
    notes = [f"{held} of {len(tried)} disabled faults detected, in {seconds:.0f} s."]
    if faultless:
        notes.append(f"Scenarios without a fault: {', '.join(faultless)}.")
    return Group(made, *(Text(note) for note in notes))


def _outcome(tried: Tried) -> str:
    return tried.outcome.value if tried.outcome else "not run"

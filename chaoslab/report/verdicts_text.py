"""Verdicts for people: the outcome, the claim, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from rich.tree import Tree

from chaoslab.verdicts.verdict import Verdict, worst

STYLES = {"PASS": "green", "UNKNOWN": "yellow", "FAIL": "bold red"}


def judged(scenario: str, verdicts: Sequence[Verdict]) -> Tree:
    """A scenario's verdicts under their merged outcome, each with what it was judged by."""
    outcome = worst(verdict.outcome for verdict in verdicts).value
    tree = Tree(_line(outcome, scenario))
    for verdict in verdicts:
        branch = tree.add(_line(verdict.outcome.value, f"{verdict.name}: {verdict.claim}"))
        for reason in verdict.because:
            branch.add(Text(reason))
        if verdict.rests_on:
            branch.add(Text(f"rests on {', '.join(verdict.rests_on)}", style="dim"))
    return tree


def _line(outcome: str, told: str) -> Text:
    return Text.assemble((f"{outcome:<8}", STYLES[outcome]), told)

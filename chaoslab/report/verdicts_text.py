"""Verdicts as text: the outcome, the claim, and its reasons."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from rich.tree import Tree

from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.printable import one_line
from chaoslab.reason import Reason

SEVERAL = 2
STYLES = {"PASS": "green", "UNKNOWN": "yellow", "FAIL": "bold red"}


def judged(scenario: str, verdicts: Sequence[Verdict]) -> Tree:
    """A tree for printing: a scenario's outcome, and below it each verdict with its reasons."""
    outcome = worst(verdict.outcome for verdict in verdicts).value
    tree = Tree(_line(outcome, scenario))
    for verdict in verdicts:
        branch = tree.add(_line(verdict.outcome.value, f"{verdict.name}: {verdict.claim}"))
        for reason in verdict.because:
            branch.add(Text(one_line(reason.text)))
        if verdict.rests_on:
            branch.add(Text(f"rests on {', '.join(verdict.rests_on)}", style="dim"))
    return tree


def explained(verdicts: Sequence[Verdict]) -> list[str]:
    """Why a test failed, as lines.

    The first line has the outcome and one reason: a test runner's summary shows only this line.
    """
    outcome = worst(verdict.outcome for verdict in verdicts)
    first = next((verdict for verdict in verdicts if verdict.outcome is outcome), None)
    lines = [outcome.value]
    if first is not None:
        lines = [f"{outcome.value} {first.name}: {next(iter(first.because), first.claim)}"]
    shared = shared_reasons(verdicts)
    lines += [f"  {SHARED} {reason}" for reason in shared]
    for verdict in verdicts:
        lines.append(f"  {verdict.outcome.value:<8}{verdict.name}: {verdict.claim}")
        if verdict.outcome is not Outcome.PASS:
            lines += [f"            {reason}" for reason in verdict.because if reason not in shared]
    return [one_line(line) for line in lines]


SHARED = "all of them:"


def shared_reasons(verdicts: Sequence[Verdict]) -> tuple[Reason, ...]:
    """The reasons that all verdicts other than PASS have in common, so that they are printed once.

    Empty if fewer than two verdicts are other than PASS.
    """
    open_ = [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS]
    if len(open_) < SEVERAL:
        return ()
    first, *others = open_
    return tuple(reason for reason in first.because if all(reason in v.because for v in others))


def _line(outcome: str, text: str) -> Text:
    return Text.assemble((f"{outcome:<8}", STYLES[outcome]), one_line(text))

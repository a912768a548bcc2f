"""Deadlines from what was observed in the cells of one app. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from chaoslab.behaviour.facts import Answers, Exit, Facts
from chaoslab.matrix.run import Ran
from chaoslab.model.topology import Deadlines
from chaoslab.model.verdict import Outcome

TWICE = 2.0  # a deadline is twice what was observed,
MORE_S = 1.0  # and a second more: the next machine may be slower
_USUAL = Deadlines()


def observed_deadlines(rans: Iterable[Ran]) -> dict[str, float]:
    """A deadline for each kind of time that was observed in these cells of one app. A cell with a
    FAIL has none: what is too late there must not become the bound.
    """
    mine = (ran for ran in rans if ran.behaviour.known and ran.outcome is not Outcome.FAIL)
    return {key: _roomy(seen_s) for key, seen_s in _longest([r.behaviour.facts for r in mine])}


def why_not_all(rans: Collection[Ran]) -> str:
    """Why these cells do not show how long the app may take. Empty if they do: a cell of which
    nothing is known may take longer than all others.
    """
    unknown = (r for r in rans if r.possible and (not r.behaviour.known or r.would_fail))
    first = next(unknown, None)
    return "" if first is None else f"{first.cell.name} is not known"


def with_observed(declared: Deadlines, seconds: Mapping[str, float]) -> Deadlines:
    """The deadlines that the app has with these beside those that its file declares."""
    new = {k: at_s for k, at_s in seconds.items() if getattr(declared, k) == getattr(_USUAL, k)}
    return replace(declared, **new)


def exits_within_s(exits: Iterable[Exit]) -> float:
    """The deadline for exits, from those of one cell."""
    return _roomy(max(map(_exit_s, exits)))


def _longest(every: list[Facts]) -> Iterator[tuple[str, float]]:
    """Yields the longest time of each kind."""
    at_once = (f.start for f in every if f.start and f.up_after_s is None)
    starts = [s.complete_s for s in at_once if s.complete_s is not None and not s.attached]
    exits = [_exit_s(each) for f in every for each in f.exits if f.affected]
    backs = [each.after_s for f in every for each in f.back if each.after_s is not None]
    backs += [f.up_after_s for f in every if f.up_after_s is not None]
    turns = [_noticed_s(each) for f in every for each in f.under if each.role == "health"]
    for key, seen in (
        ("startup_s", starts),
        ("fail_fast_s", exits),
        ("degraded_s", turns),
        ("recovery_s", backs),
    ):
        if longest_s := max(seen, default=0.0):
            yield key, longest_s


def _exit_s(each: Exit) -> float:
    """The time of an exit as the claim counts it: from the fault, or from a spawn under it."""
    return each.after_s if each.since_fault_s is None else min(each.after_s, each.since_fault_s)


def _noticed_s(health: Answers) -> float:
    return 0.0 if health.settled_good else health.settled_after_s


def _roomy(observed_s: float) -> float:
    """A deadline with room for a slower machine, in half seconds."""
    return math.ceil((TWICE * observed_s + MORE_S) * 2) / 2

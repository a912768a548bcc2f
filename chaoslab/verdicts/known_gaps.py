"""Weighs the verdicts of one run against the gaps that its topology declares as known. Pure.

A verdict stays what it is: a known gap only decides whether its FAIL ends a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from chaoslab.model.known_gap import KnownGap
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.reason import Code, Reason

TOLERATED = Code(
    "known_gap.tolerated",
    "{verdict} fails, which is known until {expires}: {why} ({owner})",
    "The verdict is FAIL, and the topology tolerates it until a date.",
)
GONE = Code(
    "known_gap.gone",
    "{verdict} passes, so the known gap of {owner} is fixed; remove it from known_gaps",
    "The verdict is PASS, and the topology still declares its failure as known. That fails the "
    "run: the next failure would be tolerated as well.",
)
EXPIRED = Code(
    "known_gap.expired",
    "{verdict} fails, and the known gap of {owner} expired on {expires}: {why}",
    "The verdict is FAIL, and the last day on which the topology tolerates it is over.",
)
NOT_DECIDED = Code(
    "known_gap.not_decided",
    "{verdict} is UNKNOWN, so nothing shows whether the known gap of {owner} is still there",
    "The verdict is UNKNOWN. A known gap tolerates only a FAIL.",
)
NO_VERDICT = Code(
    "known_gap.no_verdict",
    "this run has no verdict '{verdict}', which a known gap of {owner} names; it has: {verdicts}",
    "A known gap names a verdict that the run does not have. That fails the run.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What the verdicts of one run mean with its known gaps. `outcome` is the worst of the verdicts
    that are not tolerated, and FAIL for a gap that is gone or names no verdict. `notes` has a
    reason for each known gap of the run.
    """

    outcome: Outcome
    notes: tuple[Reason, ...]


def weighed(
    run: str, verdicts: Sequence[Verdict], gaps: Iterable[KnownGap], today: date
) -> Weighed:
    """The verdicts of the run or cell `run`, weighed against those of `gaps` that name it. A run
    without verdicts was not judged: then nothing is said of its gaps.
    """
    mine = [gap for gap in gaps if gap.run == run and verdicts]
    notes = tuple(_note(gap, verdicts, today) for gap in mine)
    tolerated = {note.data["verdict"] for note in notes if note.code == TOLERATED.name}
    known = [v for v in verdicts if v.outcome is Outcome.FAIL and v.name in tolerated]
    others = [v.outcome for v in verdicts if v not in known]
    outcome = Outcome.PASS if known and not others else worst(others)
    if any(note.code in (GONE.name, NO_VERDICT.name) for note in notes):
        outcome = Outcome.FAIL
    return Weighed(outcome=outcome, notes=notes)


def _note(gap: KnownGap, verdicts: Sequence[Verdict], today: date) -> Reason:
    found = [v.outcome for v in verdicts if v.name == gap.verdict]
    if not found:
        names = tuple(dict.fromkeys(v.name for v in verdicts))
        return NO_VERDICT(verdict=gap.verdict, owner=gap.owner, verdicts=names)
    match worst(found):
        case Outcome.PASS:
            return GONE(verdict=gap.verdict, owner=gap.owner)
        case Outcome.UNKNOWN:
            return NOT_DECIDED(verdict=gap.verdict, owner=gap.owner)
        case Outcome.FAIL:
            code = TOLERATED if today <= gap.expires else EXPIRED
            expires = gap.expires.isoformat()
            return code(verdict=gap.verdict, expires=expires, why=gap.reason, owner=gap.owner)

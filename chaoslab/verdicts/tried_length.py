"""What one run shows about the length for which it held a fault. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chaoslab.evidence.timeline import fault_span
from chaoslab.history.journal import History
from chaoslab.model.saved_reason import SavedReason
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.reason import Code, Reason

_ROUNDING_S = 0.001  # of the times in a history
_MOST_REASONS = 3  # of a verdict: the first may say what was good, and the next what was not

# `survived`: every verdict is PASS, and the fault was in force for the length. `failed`: a verdict
# that does not rest on the held fault is FAIL. `broke`: every FAIL rests on it. Else `undecided`.
State = Literal["survived", "broke", "failed", "undecided"]


def _held(data: Mapping[str, Any]) -> str:
    held_s = data["held_s"]
    return "not observed in force" if held_s is None else f"in force for {held_s:.3f} s"


SURVIVED = Code(
    "length.survived",
    lambda data: f"survived {data['length_s']:g} s ({_held(data)})",
    "With the fault held for this length every verdict is PASS.",
    data=("length_s", "held_s", "run"),
)
BROKE = Code(
    "length.broke",
    lambda data: (
        f"broke at {data['length_s']:g} s ({_held(data)}): {data['verdict']}: {data['why']}"
    ),
    "With the fault held for this length a verdict that rests on the fault is FAIL.",
    data=("length_s", "held_s", "run", "verdict", "why"),
)
FAILED = Code(
    "length.failed",
    lambda data: (
        f"failed at {data['length_s']:g} s, and the failure does not rest on "
        f"{data['fault']}: {data['verdict']}: {data['why']}"
    ),
    "A verdict that does not rest on the held fault is FAIL, so the length is not its cause.",
    data=("length_s", "held_s", "run", "verdict", "why", "fault"),
)
UNDECIDED = Code(
    "length.undecided",
    lambda data: (
        f"undecided at {data['length_s']:g} s ({_held(data)}): {data['verdict']}: {data['why']}"
    ),
    "The run with this length has a verdict UNKNOWN, and no FAIL.",
    data=("length_s", "held_s", "run", "verdict", "why"),
)
HELD_TOO_SHORT = Code(
    "length.held_too_short",
    lambda data: (
        f"undecided at {data['length_s']:g} s: every verdict is PASS, but the fault was "
        f"{_held(data)}"
    ),
    "The run passed, but the fault was not observed in force for the whole length.",
    data=("length_s", "held_s", "run"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One length that was tried, in a run of its own.

    `length_s` is the length that the plan was made for. `held_s` is for how long the fault was
    observed in force, until its heal began; None if it was not observed. `outcome` is the worst
    verdict of the run, and `state` what it shows about the length. `run` is the name of the run's
    folder.
    """

    length_s: float
    held_s: float | None
    outcome: Outcome
    state: State
    why: SavedReason
    run: str


def tried(
    fault: str, length_s: float, run: str, verdicts: Sequence[Verdict], history: History
) -> Tried:
    """What the run in the folder `run` shows: it was to hold the fault `fault` for `length_s`
    seconds, and has these verdicts and this history.
    """
    span = fault_span(history, fault)
    held_s = None if span is None else round(span.end_s - span.start_s, 3)
    outcome = worst(verdict.outcome for verdict in verdicts)
    known = {"length_s": length_s, "held_s": held_s, "run": run}
    state, why = _shown(fault, outcome, verdicts, known)
    return Tried(length_s=length_s, held_s=held_s, outcome=outcome, state=state, why=why, run=run)


def _shown(
    fault: str, outcome: Outcome, verdicts: Sequence[Verdict], known: Mapping[str, Any]
) -> tuple[State, Reason]:
    if outcome is Outcome.PASS:
        held_s = known["held_s"]
        if held_s is not None and held_s >= known["length_s"] - _ROUNDING_S:
            return "survived", SURVIVED(**known)
        return "undecided", HELD_TOO_SHORT(**known)
    worst_ones = [verdict for verdict in verdicts if verdict.outcome is outcome]
    if outcome is Outcome.UNKNOWN:
        return "undecided", UNDECIDED(**known, **_cited(worst_ones))
    if others := [verdict for verdict in worst_ones if fault not in verdict.rests_on]:
        return "failed", FAILED(**known, fault=fault, **_cited(others))
    return "broke", BROKE(**known, **_cited(worst_ones))


def _cited(verdicts: Sequence[Verdict]) -> dict[str, str]:
    if not verdicts:
        return {"verdict": "none", "why": "the run was not judged"}
    first = verdicts[0]
    why = "; ".join(first.texts[:_MOST_REASONS]) if first.because else first.claim
    return {"verdict": first.name, "why": why}

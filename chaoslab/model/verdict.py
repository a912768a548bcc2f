"""Verdicts: PASS, UNKNOWN or FAIL, each with its reasons. `worst` gives the worst of several
outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chaoslab.model.saved_reason import SavedReason
from chaoslab.reason import Reason


class Outcome(StrEnum):
    """The outcome of a verdict: `PASS < UNKNOWN < FAIL`. UNKNOWN fails a gate as FAIL does; it is
    never a silent pass.
    """

    PASS = "PASS"
    UNKNOWN = "UNKNOWN"
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        """The position of the outcome from best to worst: 0 for PASS, 1 for UNKNOWN, 2 for FAIL."""
        return ("PASS", "UNKNOWN", "FAIL").index(self.value)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of these outcomes. UNKNOWN if there is none: then nothing was judged."""
    return max(outcomes, key=lambda outcome: outcome.rank, default=Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of one claim. `because` holds its reasons, with times in seconds since the lab's
    start. `rests_on` names the faults that must be observed to affect the app.
    """

    name: str
    outcome: Outcome
    claim: str
    because: tuple[SavedReason, ...]
    rests_on: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each reason, for people."""
        return tuple(reason.text for reason in self.because)


def passed(name: str, claim: str, *because: Reason) -> Verdict:
    """The verdict PASS: the history shows that the claim held."""
    return Verdict(name=name, outcome=Outcome.PASS, claim=claim, because=because)


def failed(name: str, claim: str, *because: Reason) -> Verdict:
    """The verdict FAIL: the history shows that the claim did not hold."""
    return Verdict(name=name, outcome=Outcome.FAIL, claim=claim, because=because)


def unknown(name: str, claim: str, *because: Reason) -> Verdict:
    """The verdict UNKNOWN: the history cannot decide the claim."""
    return Verdict(name=name, outcome=Outcome.UNKNOWN, claim=claim, because=because)

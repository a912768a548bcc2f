"""What a history means: three-valued truth, merged by the worst."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator

from chaoslab.reason import Reason

UNCODED = "text"  # the code of reasons that were saved before they had one


class Outcome(StrEnum):
    """`PASS < UNKNOWN < FAIL`. UNKNOWN fails a gate as FAIL does; it is never a silent pass."""

    PASS = "PASS"
    UNKNOWN = "UNKNOWN"
    FAIL = "FAIL"

    @property
    def rank(self) -> int:
        """0, 1, 2 from best to worst."""
        return ("PASS", "UNKNOWN", "FAIL").index(self.value)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of all; UNKNOWN where there is none, because nothing judged is nothing proved."""
    return max(outcomes, key=lambda outcome: outcome.rank, default=Outcome.UNKNOWN)


def _from_text(value: object) -> Any:
    """Verdicts that were saved before reasons had codes have bare texts."""
    return Reason(code=UNCODED, text=value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One claim, judged. `because` cites what it rests on, times in seconds since the lab's start.

    `rests_on` names the faults that had to be shown to have met the app.
    """

    name: str
    outcome: Outcome
    claim: str
    because: tuple[Annotated[Reason, BeforeValidator(_from_text)], ...]
    rests_on: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Its reasons for people, a line each."""
        return tuple(reason.text for reason in self.because)


def passed(name: str, claim: str, *because: Reason) -> Verdict:
    """A claim that the history bears out."""
    return Verdict(name=name, outcome=Outcome.PASS, claim=claim, because=because)


def failed(name: str, claim: str, *because: Reason) -> Verdict:
    """A claim that the history contradicts."""
    return Verdict(name=name, outcome=Outcome.FAIL, claim=claim, because=because)


def unknown(name: str, claim: str, *because: Reason) -> Verdict:
    """A claim that the history can neither bear out nor contradict."""
    return Verdict(name=name, outcome=Outcome.UNKNOWN, claim=claim, because=because)

"""The errors a user can meet. Everything else that raises is our own bug."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from chaoslab.printable import one_line

_MOST_SHOWN = 50  # problems; who has more sees the rest when these are gone
_PLACE_CHARACTERS, _WHAT_CHARACTERS = 300, 500
_LONGEST_WORD = 100  # that is compared with known ones: nobody misspells a longer one


class ChaoslabError(Exception):
    """Base of every error that chaoslab raises on purpose; its text is meant for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in what the user wrote: where, what, what was expected, and the fix."""

    where: str
    what: str
    expected: str = ""
    fix: str = ""

    def __str__(self) -> str:
        hint = "; ".join(
            part for part in (self.expected and f"expected {self.expected}", self.fix) if part
        )
        told = f"{one_line(self.where, _PLACE_CHARACTERS)}: {one_line(self.what, _WHAT_CHARACTERS)}"
        return told + (f"\n  {one_line(hint)}" if hint else "")


class SpecError(ChaoslabError):
    """The user's mistake, with every problem found at once (exit 2, never a traceback)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:_MOST_SHOWN]]
        if (more := len(self.problems) - len(shown)) > 0:
            shown.append(f"… and {more} more problems")
        super().__init__("\n".join(shown))


class OldTopology(FutureWarning):
    """A topology file that was written for an older chaoslab; Python shows it by default."""


class ResultsUnwritable(SpecError):
    """A file or a folder of a run cannot be written; before a run it is the user's to make room."""


class RuntimeUnavailable(ChaoslabError):
    """Something the runtime needs is not on this machine; the text says what and how to get it."""


class ServiceFailed(ChaoslabError):
    """A service of the topology did not start or died; the text ends with its last log lines."""


class InjectionFailed(ChaoslabError):
    """A fault could not be put in force, read back, or healed."""


class FaultUnsupported(ChaoslabError):
    """The chosen proxy or platform cannot make this fault; never swapped for another."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The fix for a misspelt word: `did you mean 'postgres'?`, or the empty string."""
    if len(word) > _LONGEST_WORD:
        return ""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else ""

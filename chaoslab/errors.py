"""The errors that chaoslab reports to its users. Any other exception is a bug of chaoslab."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chaoslab.printable import one_line
from chaoslab.reason import Code, Reason, Value

_MOST_SHOWN = 50  # problems; who has more sees the rest when these are gone
_PLACE_CHARACTERS, _WHAT_CHARACTERS = 300, 500
_LONGEST_WORD = 100  # that is compared with known ones: nobody misspells a longer one


class ErrorCode(Code):
    """A code of the lab's own errors, such as `file.unreadable`; docs/errors.md lists all of them.

    Each is declared once, beside the code that raises the error. Calling an ErrorCode with its data
    makes the reason of a `Problem`. The text of that reason says what is wrong; the Problem has the
    place, the expected value and the fix.
    """


UNREADABLE = ErrorCode(
    "file.unreadable", "cannot be read: {cause}", "The file does not exist, or cannot be read."
)
UNWRITABLE = ErrorCode(
    "file.unwritable", "cannot be written: {cause}", "The file or folder cannot be written."
)
NOT_UTF8 = ErrorCode("file.not_utf8", "not UTF-8", "The file has bytes that are no valid UTF-8.")
NOT_VALID = ErrorCode(
    "file.not_valid",
    "not valid {format}: {cause}",
    "The file cannot be parsed in its format, such as TOML.",
)
UNKNOWN_NAME = ErrorCode(
    "name.unknown", "unknown {kind} '{name}'", "The given name is not one of the known names."
)
NOT_INSTALLED = ErrorCode(
    "package.not_installed",
    "{needed_by} needs {package}, which is not installed",
    "A Python package that is needed here is not installed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: a reason (code, data, text), its place, and how to fix it.

    `where` is a file, a key, an option or a name; `expected` and `got` are values or short phrases;
    `fix` is what the user can do, as a command or an imperative; `lines` are the last lines of a
    log or of a program's output. Programs read `code` and `data`, which are stable.
    """

    reason: Reason
    where: str = ""
    expected: str = ""
    got: str = ""
    fix: str = ""
    lines: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The code of the problem, such as `topology.unknown_key`; docs/errors.md lists all of
        them.
        """
        return self.reason.code

    @property
    def data(self) -> Mapping[str, Value]:
        """Maps the name of each value in the text, and of further values, to the value."""
        return self.reason.data

    @property
    def what(self) -> str:
        """What is wrong, in one line."""
        return self.reason.text

    def __str__(self) -> str:
        place = f"{one_line(self.where, _PLACE_CHARACTERS)}: " if self.where else ""
        values = (self.expected and f"expected {self.expected}", self.got and f"got {self.got}")
        hint = "; ".join(part for part in (", ".join(v for v in values if v), self.fix) if part)
        shown = [place + one_line(self.what, _WHAT_CHARACTERS)]
        shown += [f"  {one_line(hint)}"] if hint else []
        shown += [f"  | {one_line(line)}" for line in self.lines]
        return "\n".join(shown)


class ChaoslabError(Exception):
    """Base of every error that chaoslab raises on purpose.

    `problems` has at least one problem. The exception's text shows the first 50 of them to people.
    """

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        shown = [str(problem) for problem in self.problems[:_MOST_SHOWN]]
        if (more := len(self.problems) - len(shown)) > 0:
            shown.append(f"… and {more} more problems")
        super().__init__("\n".join(shown))

    @property
    def code(self) -> str:
        """The code of the error's first problem."""
        return self.problems[0].code


class SpecError(ChaoslabError):
    """A mistake of the user, with every problem that was found.

    A command prints the problems, without a traceback, and exits with 2.
    """


class OldTopology(FutureWarning):
    """The warning that a topology file was written for an older chaoslab.

    Python shows it by default.
    """


class ResultsUnwritable(SpecError):
    """A file or a folder of a run cannot be written, for example because the disk is full."""


class RuntimeUnavailable(ChaoslabError):
    """Something that the runtime needs is not on this machine.

    The text says what, and how to get it.
    """


class ServiceFailed(ChaoslabError):
    """A service, or another process that the lab started, failed or could not be removed.

    The text ends with the last log lines of that process, if there are any.
    """


class InjectionFailed(ChaoslabError):
    """A fault could not be put in force, read back, or healed, or a canary could not be sent."""


class FaultUnsupported(ChaoslabError):
    """The chosen proxy or platform cannot inject this fault.

    The lab injects no other fault instead.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The fix for a misspelt word, as in `did you mean 'postgres'?`.

    Empty if no known word is similar.
    """
    if len(word) > _LONGEST_WORD:
        return ""
    import difflib  # an agent or engine that starts needs it only for a mistake

    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else ""

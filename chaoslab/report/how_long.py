"""Saves a search for the length that breaks an app, reads it again, and shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter
from pydantic_core import to_json

from chaoslab.errors import UNREADABLE, Problem, SpecError
from chaoslab.history.files import write_file
from chaoslab.history.run_folder import NOT_OURS, RunFolder
from chaoslab.history.saved_plan import first_problem
from chaoslab.model.lengths import Search
from chaoslab.printable import one_line
from chaoslab.report.runs import saved_verdicts
from chaoslab.verdicts.how_long import HowLong
from chaoslab.verdicts.tried_length import Tried, tried

FILE = "how_long.json"
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One length of a saved search, and the name of the folder of its run, beside the search's."""

    length_s: float
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """What is read of the file; the rest follows from the runs."""

    search: Search
    tried: tuple[_Run, ...]


_SAVED: TypeAdapter[_Saved] = TypeAdapter(_Saved)


def document(found: HowLong) -> dict[str, object]:
    """The search as plain values for JSON: what was observed, what was asked, and each length."""
    return {
        "text": found.text,
        "survives_s": found.survives_s,
        "breaks_at_s": found.breaks_at_s,
        "undecided_s": list(found.undecided_s),
        "not_tried_s": list(found.not_tried_s),
        "search": asdict(found.search),
        "tried": [asdict(each) for each in found.tried],
    }


def save_how_long(folder: Path, found: HowLong) -> None:
    """Write the search and its verdict into its folder, which is beside those of its runs.

    Raises ResultsUnwritable.
    """
    saved = {"version": _VERSION, **document(found), "verdict": asdict(found.verdict)}
    write_file(folder / FILE, to_json(saved, indent=2) + b"\n")


def read_how_long(folder: Path | str) -> HowLong:
    """The search that was saved in the folder, judged by the saved verdicts of its runs.

    A run without verdicts is undecided. Raises SpecError if the search or a run cannot be read.
    """
    path = Path(folder) / FILE
    try:
        saved = _SAVED.validate_json(path.read_bytes())
    except OSError as error:
        reason = UNREADABLE(cause=error.strerror or str(error))
    except ValueError as error:
        reason = NOT_OURS(cause=first_problem(error))
    else:
        lengths = tuple(_again(path.parents[1], saved.search.fault, each) for each in saved.tried)
        return HowLong(search=saved.search, tried=lengths)
    raise SpecError(Problem(reason=reason, where=str(path)))


def _again(home: Path, fault: str, each: _Run) -> Tried:
    folder = RunFolder(home / each.run)
    verdicts = saved_verdicts(folder) or ()
    return tried(fault, each.length_s, each.run, verdicts, folder.history())


def saved_searches(run: Path) -> Iterator[Path]:
    """The folders of the searches of a run, sorted by name."""
    yield from sorted(path.parent for path in run.glob(f"*/{FILE}"))


def line(name: str, found: HowLong) -> str:
    """The outcome of the search `name`, and what was observed, as one line of text."""
    return one_line(f"{found.verdict.outcome.value} {name}: {found.text}")

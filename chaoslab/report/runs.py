"""Where runs lie: the newest one, a run by its name, and what to call each in a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from chaoslab.errors import Problem, SpecError, did_you_mean
from chaoslab.history.files import write_file
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.verdict import Verdict, worst

RESULTS = Path("results")
_VERDICTS: TypeAdapter[tuple[Verdict, ...]] = TypeAdapter(tuple[Verdict, ...])


def chosen_runs(names: Sequence[str], results: Path = RESULTS) -> tuple[Path, ...]:
    """The folders of the named runs, each a path or a name below `results`; the newest if none.

    Raises SpecError with every name that is no run.
    """
    if not names:
        return (newest_run(results),)
    found = [(name, _folder(name, results)) for name in names]
    missing = [name for name, folder in found if folder is None]
    if missing:
        raise SpecError([_no_run(name, results) for name in missing])
    return tuple(folder for _, folder in found if folder is not None)


def newest_run(results: Path = RESULTS) -> Path:
    """The run whose latest scenario was begun last. Raises SpecError if there is none."""
    runs = list(_runs(results))
    if not runs:
        what, fix = "contains no run", "run a scenario first, for example `pytest scenarios/`"
        raise SpecError([Problem(where=str(results), what=what, fix=fix)])
    return max(runs, key=_begun_s)


def labels(runs: Sequence[Path]) -> tuple[str, ...]:
    """What to call each run: its folder's name, or its whole path where two share a name."""
    names = [run.resolve().name for run in runs]
    return tuple(
        name if names.count(name) == 1 else str(run) for name, run in zip(names, runs, strict=True)
    )


def _runs(results: Path) -> Iterator[Path]:
    yield from {plan.parent.parent: None for plan in results.glob("*/*/plan.json")}


# A plan is written once, before its scenario; a folder's own time changes with every report.
def _begun_s(run: Path) -> float:
    return max(plan.stat().st_mtime for plan in run.glob("*/plan.json"))


def _folder(name: str, results: Path) -> Path | None:
    for folder in (Path(name), results / name):
        if any(folder.glob("*/plan.json")) or (folder / "plan.json").is_file():
            return folder
    return None


def _no_run(name: str, results: Path) -> Problem:
    known = [run.name for run in sorted(_runs(results), key=_begun_s, reverse=True)]
    return Problem(
        where=name,
        what="contains no run" if Path(name).is_dir() else "no such run",
        expected="one of: " + ", ".join(known[:5]) if known else f"a folder inside {results}",
        fix=did_you_mean(name, known),
    )


def saved_verdict(folder: RunFolder) -> str:
    """The worst of a scenario's saved verdicts, or the empty string where none was saved.

    Raises SpecError where the file is not one of chaoslab's.
    """
    saved = saved_verdicts(folder)
    return "" if saved is None else worst(verdict.outcome for verdict in saved).value


def saved_verdicts(folder: RunFolder) -> tuple[Verdict, ...] | None:
    """A scenario's verdicts as they were saved; None where none was.

    Raises SpecError where the file is not one of chaoslab's.
    """
    try:
        return _VERDICTS.validate_json(folder.verdicts_path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise SpecError([Problem(where=str(folder.verdicts_path), what=what)]) from None
    except ValidationError as error:
        what = f"not written by this chaoslab: {error.errors()[0]['msg']}"
        fix = f"judge it again with `chaoslab analyze {folder.path}`"
        raise SpecError([Problem(where=str(folder.verdicts_path), what=what, fix=fix)]) from None


def save_verdicts(folder: RunFolder, verdicts: tuple[Verdict, ...]) -> None:
    """Write a scenario's verdicts down in place of those that it had. Raises ResultsUnwritable."""
    write_file(folder.verdicts_path, _VERDICTS.dump_json(verdicts, indent=2) + b"\n")

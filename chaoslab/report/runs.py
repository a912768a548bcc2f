"""Finds saved runs, names them for a report, and reads and writes their verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from chaoslab.errors import (
    UNKNOWN_NAME,
    UNREADABLE,
    ErrorCode,
    Problem,
    SpecError,
    did_you_mean,
)
from chaoslab.history.files import write_file
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.verdict import Verdict, worst

RESULTS = Path("results")
NO_RUN = ErrorCode("run.none", "contains no run", "The folder has no saved run.")
OTHER_VERSION = ErrorCode(
    "run.other_version",
    "not written by this version of chaoslab: {cause}",
    "The file of verdicts does not have the form that this version writes.",
)
_VERDICTS: TypeAdapter[tuple[Verdict, ...]] = TypeAdapter(tuple[Verdict, ...])


def chosen_runs(names: Sequence[str], results: Path = RESULTS) -> tuple[Path, ...]:
    """The folders of the named runs; the newest run in `results` if no name is given.

    A name is a path, or the name of a folder in `results`. Raises SpecError with every name that is
    not a run.
    """
    if not names:
        return (newest_run(results),)
    found = [(name, _folder(name, results)) for name in names]
    missing = [name for name, folder in found if folder is None]
    if missing:
        raise SpecError([_no_run(name, results) for name in missing])
    return tuple(folder for _, folder in found if folder is not None)


def newest_run(results: Path = RESULTS) -> Path:
    """The folder of the run whose last scenario began latest.

    Raises SpecError if there is no run.
    """
    runs = list(_runs(results))
    if not runs:
        fix = "run a scenario first, for example `pytest scenarios/`"
        raise SpecError(Problem(reason=NO_RUN(), where=str(results), fix=fix))
    return max(runs, key=_begun_s)


def labels(runs: Sequence[Path]) -> tuple[str, ...]:
    """A label for each run: the name of its folder, or its path if two have the same name."""
    names = [run.resolve().name for run in runs]
    return tuple(
        name if names.count(name) == 1 else str(run) for name, run in zip(names, runs, strict=True)
    )


def _runs(results: Path) -> Iterator[Path]:
    yield from {plan.parent.parent: None for plan in results.glob("*/*/plan.json")}


# The time of a plan's file, which is written once. The time of a folder changes with every report.
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
        reason=NO_RUN() if Path(name).is_dir() else UNKNOWN_NAME(kind="run", name=name),
        where=name if Path(name).is_dir() else "",
        expected="one of: " + ", ".join(known[:5]) if known else f"a folder inside {results}",
        fix=did_you_mean(name, known),
    )


def saved_verdict(folder: RunFolder) -> str:
    """The worst outcome of a scenario's saved verdicts, as text; empty if none was saved.

    Raises SpecError if the file cannot be read, or was not written by this version of chaoslab.
    """
    saved = saved_verdicts(folder)
    return "" if saved is None else worst(verdict.outcome for verdict in saved).value


def saved_verdicts(folder: RunFolder) -> tuple[Verdict, ...] | None:
    """A scenario's saved verdicts; None if none were saved.

    Raises SpecError if the file cannot be read, or was not written by this version of chaoslab.
    """
    try:
        return _VERDICTS.validate_json(folder.verdicts_path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        reason, fix = UNREADABLE(cause=error.strerror), ""
    except ValidationError as error:
        reason = OTHER_VERSION(cause=error.errors()[0]["msg"])
        fix = f"judge it again with `chaoslab analyze {folder.path}`"
    raise SpecError(Problem(reason=reason, where=str(folder.verdicts_path), fix=fix))


def save_verdicts(folder: RunFolder, verdicts: tuple[Verdict, ...]) -> None:
    """Save a scenario's verdicts and replace the old ones. Raises ResultsUnwritable if that
    fails.
    """
    write_file(folder.verdicts_path, _VERDICTS.dump_json(verdicts, indent=2) + b"\n")

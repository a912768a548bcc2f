"""Judges a saved run again, from the files of the run alone."""

from __future__ import annotations

from chaoslab.errors import ErrorCode, Problem, SpecError
from chaoslab.history.checksums import changed_files
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.plan import written_out
from chaoslab.model.verdict import Verdict
from chaoslab.registry import kinds
from chaoslab.verdicts.doubts import doubted, doubts_of
from chaoslab.verdicts.judge import judge

DO_NOT_FIT = ErrorCode(
    "run.files_do_not_fit",
    "cannot be judged: topology.json, plan.json and history.jsonl do not fit each other ({cause})",
    "Each file of the run can be read, but they are not of the same run.",
)
# The errors that files of different runs cause: an unknown name, or a value of another type.
_DO_NOT_FIT = (
    SpecError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)


def judged_again(folder: RunFolder) -> tuple[Verdict, ...]:
    """The verdicts of a saved run. All are UNKNOWN if a file was changed after the run.

    Raises SpecError if a file is missing or damaged, or if the files do not fit each other.
    """
    topology, plan, history = folder.topology(), folder.plan(kinds()), folder.history()
    try:
        verdicts = judge(topology, written_out(plan, topology), history)
        return doubted(verdicts, doubts_of(changed_files(folder.path)))
    except _DO_NOT_FIT as error:
        raise SpecError(
            [
                Problem(
                    reason=DO_NOT_FIT(cause=f"{type(error).__name__}: {_first_line(error)}"),
                    where=str(folder.path),
                    expected="the files of one run, as chaoslab wrote them",
                )
            ]
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

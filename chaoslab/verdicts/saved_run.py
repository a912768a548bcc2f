"""Judges a saved run again: only its folder is read."""

from __future__ import annotations

from chaoslab.errors import Problem, SpecError
from chaoslab.history.checksums import changed_files
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.plan import written_out
from chaoslab.model.verdict import Verdict
from chaoslab.registry import kinds
from chaoslab.verdicts.doubts import doubted, doubts_of
from chaoslab.verdicts.judge import judge

# What files that do not belong together lead to: a name that the other file lacks, a value of a
# kind that nobody wrote. Each file by itself was read before.
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
    """The verdicts of a saved run; all UNKNOWN where a file is not as the lab wrote it.

    Raises SpecError where a file is missing or damaged, or where the files do not fit each other.
    """
    topology, plan, history = folder.topology(), folder.plan(kinds()), folder.history()
    try:
        verdicts = judge(topology, written_out(plan, topology), history)
        return doubted(verdicts, doubts_of(changed_files(folder.path)))
    except _DO_NOT_FIT as error:
        raise SpecError(
            [
                Problem(
                    where=str(folder.path),
                    what="cannot be judged: topology.json, plan.json and history.jsonl do not fit "
                    f"each other ({type(error).__name__}: {_first_line(error)})",
                    expected="the files of one run, as chaoslab wrote them",
                )
            ]
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

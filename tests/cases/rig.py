"""Runs the scenario of a case in a pytest of its own, as its user would, and reads the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rigs.projects import NO_HYPOTHESIS, WITHIN_S, Project

from chaoslab.history.run_folder import RunFolder
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.report.how_long import read_how_long, saved_searches
from chaoslab.report.runs import saved_verdicts
from chaoslab.verdicts.how_long import HowLong

CASES = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of one scenario; `verdicts` by their names, `run` is the scenario's own folder."""

    exit_code: int
    text: str
    verdicts: Mapping[str, Verdict]
    run: Path

    @property
    def outcome(self) -> Outcome:
        """The worst of the verdicts."""
        return worst(verdict.outcome for verdict in self.verdicts.values())

    def codes(self, name: str) -> tuple[str, ...]:
        """The codes of one verdict's reasons."""
        return tuple(reason.code for reason in self.verdicts[name].because)

    def because(self, name: str) -> str:
        """The reasons of one verdict, a line each."""
        return "\n".join(self.verdicts[name].texts)


def judged(case: str, results: Path, *words: str, **env: str) -> Judged:
    """Run the one scenario that `words` choose (pytest's own options) of a case.

    What the run writes goes to `results`, and nothing into the case. Raises AssertionError, with
    all that pytest printed, where not exactly one scenario ran to its verdicts.
    """
    (run,) = _ran(case, results, words, env, scenarios=1).values()
    return run


def judged_each(case: str, results: Path, count: int, **env: str) -> Mapping[str, Judged]:
    """Run all scenarios of a case in one pytest, by the names of their folders.

    Raises AssertionError where not `count` of them ran to their verdicts.
    """
    return _ran(case, results, (), env, scenarios=count)


def searched(case: str, results: Path, *words: str, **env: str) -> tuple[int, str, HowLong]:
    """Run the one scenario that `words` choose, which searches for the length that breaks the app.

    Returns pytest's exit code, all that it printed, and the search.
    """
    code, printed = _pytest(case, results, words, env, WITHIN_S)
    (search,) = (each for run in results.glob("*") for each in saved_searches(run))
    return code, printed, read_how_long(search)


def _ran(
    case: str, results: Path, words: Sequence[str], env: Mapping[str, str], *, scenarios: int
) -> dict[str, Judged]:
    code, printed = _pytest(case, results, words, env, scenarios * WITHIN_S)
    runs = [RunFolder(path.parent) for path in results.glob("*/*/verdicts.json")]
    assert len(runs) == scenarios, printed
    return {
        folder.path.name: Judged(
            exit_code=code,
            text=printed,
            verdicts={verdict.name: verdict for verdict in saved_verdicts(folder) or ()},
            run=folder.path,
        )
        for folder in runs
    }


def _pytest(
    case: str, results: Path, words: Sequence[str], env: Mapping[str, str], within_s: float
) -> tuple[int, str]:
    options = [
        *("-p", "no:cacheprovider", NO_HYPOTHESIS),
        *("--chaos-progress=off", f"--chaos-results={results}"),
    ]
    variables = {"PYTHONDONTWRITEBYTECODE": "1", **env}
    return Project(CASES / case).pytest(*options, *words, within_s=within_s, **variables)

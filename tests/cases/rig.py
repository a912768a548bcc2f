"""Runs the scenario of a case in a pytest of its own, as its user would, and reads the verdicts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chaoslab.history.run_folder import RunFolder
from chaoslab.model.verdict import Outcome, Verdict, worst
from chaoslab.report.runs import saved_verdicts

CASES = Path(__file__).parent
WITHIN_S = 120.0


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
    options = ["-p", "no:cacheprovider", "--chaos-progress=off", f"--chaos-results={results}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *words],
        cwd=CASES / case,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    runs = list(results.glob("*/*/verdicts.json"))
    assert len(runs) == 1, done.stdout
    folder = RunFolder(runs[0].parent)
    verdicts = {verdict.name: verdict for verdict in saved_verdicts(folder) or ()}
    return Judged(exit_code=done.returncode, text=done.stdout, verdicts=verdicts, run=folder.path)

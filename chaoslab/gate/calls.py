"""The command lines of a gate's pytests: nothing but the gate's own words decides what they run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.gate.choice import has_xdist
from chaoslab.gate.process import Call
from chaoslab.gate.result import RuntimeTaken
from chaoslab.machine.environment import environment
from chaoslab.model.gate import Gate
from chaoslab.model.topology import Topology

# It may narrow what is run, and nobody sees it in the file that is reviewed.
_HIDDEN = "PYTEST_ADDOPTS"
CACHE = "cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Builds each pytest of one gate. `commands` are other builds, as `APP=COMMAND`."""

    topology: Topology
    gate: Gate
    runtime: RuntimeTaken
    commands: tuple[str, ...]

    @property
    def home(self) -> Path:
        """The topology's folder, in which every pytest runs."""
        return Path(self.topology.source).parent

    @property
    def scenarios(self) -> Path:
        """The folder of the scenarios."""
        return self.home / self.gate.scenarios

    def stage(self, marker: str, folder: Path) -> Call:
        """Run what the marker expression selects; the runs are kept in `folder`."""
        words = (str(self.scenarios), "-m", marker)
        return self._call(words, folder, workers=self.gate.workers)

    def again(self, tests: Sequence[str], folder: Path, attempt: int) -> Call:
        """Run these tests, by path and node id, once more: the attempt of that number."""
        report = f"report-{attempt}.jsonl"
        return self._call((*tests, "-m", ""), folder, report, workers=self.gate.workers)

    def collect(self, folder: Path) -> Call:
        """Only say what there is, with the markers of each test."""
        return self._call((str(self.scenarios), "-m", "", "--collect-only", "-q"), folder)

    def _call(
        self, words: Sequence[str], folder: Path, report: str = "report.jsonl", workers: int = 1
    ) -> Call:
        env = environment()
        env.pop(_HIDDEN, None)
        options = (
            f"--chaos-topology={self.topology.source}",
            f"--chaos-runtime={self.runtime.taken}",
            f"--chaos-proxy={self.runtime.proxy}",
            f"--chaos-results={folder}",
            f"--chaos-report={folder / report}",
            *(f"--chaos-command={command}" for command in self.commands),
            # against what a project's own options could leave out of a stage unseen
            *("--maxfail=0", "-k", "", f"--override-ini=cache_dir={folder / CACHE}"),
            *_spread(workers),
        )
        command = (sys.executable, "-m", "pytest", *words, *options)
        return Call(command=command, cwd=self.home, env=env, report=folder / report)


def _spread(workers: int) -> tuple[str, ...]:
    """One worker is this process: 0 to xdist, and nothing to a pytest without it. Several tell
    each scenario by name as it ends, because none of them can tell what happens in it.
    """
    if workers > 1:
        return ("-n", str(workers), "-v")
    return ("-n", "0") if has_xdist() else ()

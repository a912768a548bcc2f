"""The command lines of the gate's pytest processes.

The options and the environment of a project cannot change which scenarios they run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.gate.process import Call
from chaoslab.gate.result import ChosenRuntime
from chaoslab.gate.runtime_choice import has_xdist
from chaoslab.machine.environment import environment
from chaoslab.model.gate import Gate
from chaoslab.model.topology import Topology

CACHE = "cache"


def pytest_command(*arguments: str) -> tuple[str, ...]:
    """The command that runs pytest with this Python and these arguments."""
    return (sys.executable, "-m", "pytest", *arguments)


def pytest_env() -> dict[str, str]:
    """The environment of this process without PYTEST_ADDOPTS, which could leave scenarios out
    unnoticed.
    """
    env = environment()
    env.pop("PYTEST_ADDOPTS", None)
    return env


def fixed_options(
    *, topology: Path | str, results: Path, report: Path, commands: Sequence[str]
) -> tuple[str, ...]:
    """The options that every call of pytest has. They override options of the project that leave
    scenarios out.
    """
    return (
        f"--chaos-topology={topology}",
        f"--chaos-results={results}",
        f"--chaos-report={report}",
        *(f"--chaos-command={command}" for command in commands),
        *("--maxfail=0", "-k", ""),
    )


def in_one_process() -> tuple[str, ...]:
    """The options that turn xdist off. Empty if xdist is not installed."""
    return ("-n", "0") if has_xdist() else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestCalls:
    """Makes the pytest calls of one gate. `commands` are other builds, as `APP=COMMAND`."""

    topology: Topology
    gate: Gate
    runtime: ChosenRuntime
    commands: tuple[str, ...]

    @property
    def home(self) -> Path:
        """The folder of the topology, in which every pytest process runs."""
        return Path(self.topology.source).parent

    @property
    def scenarios(self) -> Path:
        """The folder of the scenarios that the gate names."""
        return self.home / self.gate.scenarios

    def stage(self, marker: str, folder: Path) -> Call:
        """The call that runs the scenarios selected by a marker expression, and saves the runs in
        `folder`.
        """
        words = (str(self.scenarios), "-m", marker)
        return self._call(words, folder, workers=self.gate.workers)

    def retry(self, tests: Sequence[str], folder: Path, attempt: int) -> Call:
        """The call that runs these tests (path and node id) again. `attempt` counts from 2."""
        report = f"report-{attempt}.jsonl"
        return self._call((*tests, "-m", ""), folder, report, workers=self.gate.workers)

    def collect(self, folder: Path) -> Call:
        """The call that collects every test with its markers, and runs none."""
        return self._call((str(self.scenarios), "-m", "", "--collect-only", "-q"), folder)

    def _call(
        self, words: Sequence[str], folder: Path, report: str = "report.jsonl", workers: int = 1
    ) -> Call:
        options = fixed_options(
            topology=self.topology.source,
            results=folder,
            report=folder / report,
            commands=self.commands,
        )
        own = (
            f"--chaos-runtime={self.runtime.taken}",
            f"--chaos-proxy={self.runtime.proxy}",
            f"--override-ini=cache_dir={folder / CACHE}",
            # with several workers no progress is printed, so -v prints each scenario as it ends
            *(("-n", str(workers), "-v") if workers > 1 else in_one_process()),
        )
        command = pytest_command(*words, *options, *own)
        return Call(command=command, cwd=self.home, env=pytest_env(), report=folder / report)

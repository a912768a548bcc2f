"""Runs a plan for a test: its folder, its progress lines, and what pytest and the gate read."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from chaoslab.clock import wall_time
from chaoslab.errors import ChaoslabError, FaultUnsupported, ResultsUnwritable, SpecError
from chaoslab.gate.report_hooks import RUN_PROPERTY, TROUBLE_PROPERTY, problems_property
from chaoslab.printable import each_line
from chaoslab.pytest_plugin.run import Run
from chaoslab.pytest_plugin.terminal import shown, shows_progress, tell

if TYPE_CHECKING:
    from chaoslab.history.events import AnyEvent
    from chaoslab.history.run_folder import RunFolder
    from chaoslab.model.loader.scenario_requests import Requests
    from chaoslab.model.plan import Plan
    from chaoslab.model.topology import Topology
    from chaoslab.results import Result


class Scenario:
    """One test, which may run several plans. Each gets a folder of its own."""

    def __init__(self, run: Run, node: pytest.Item) -> None:
        self.run, self.node = run, node
        self.shows_progress = shows_progress(node.config)

    @property
    def topology(self) -> Topology:
        """The topology of the session, which was read before any test ran."""
        assert self.run.topology is not None
        return self.run.topology

    def new_folder(self, kind: str = "") -> Path:
        """A new folder of this test in that of the session; `kind` is added to its name."""
        from chaoslab.history.new_folder import new_folder

        # a test may run two plans, and two files may have the same name
        name = _scenario_name(self.node)
        return new_folder(self.run.folder / (f"{name}-{kind}" if kind else name))

    async def carried_out(self, plan: Plan, path: Path, requests: Requests) -> Result:
        """Run a plan, and return its result; `path` is a new folder, whose name the plan gets.
        `requests` are added to those of the topology.

        The test is skipped if a fault is not supported here, and fails after an error of the lab.
        No verdict fails it.
        """
        from chaoslab.history.run_folder import RunFolder
        from chaoslab.lab.carry_out import Setting, carry_out
        from chaoslab.model.loader.scenario_requests import with_requests
        from chaoslab.report.runs import save_verdicts
        from chaoslab.results import Result
        from chaoslab.services import kinds
        from chaoslab.verdicts.doubts import VERDICTS_UNSAVED, doubted

        folder = RunFolder(path)
        plan = replace(plan, name=path.name)
        if self.run.max_lag_s is not None:
            plan = replace(plan, max_lag_s=self.run.max_lag_s)
        if self.node.config.getoption("--chaos-plan-only"):
            self._only_planned(requests, plan, folder)
        listeners = (self._progress,) if self.shows_progress else ()
        if listeners:
            self.tell(f"\n{plan.name}")
        setting = Setting(
            open_runtime=self.run.session().lab,
            runtime_note=self.run.choice.note,
            proxy=self.run.proxy,
            seed=self.run.seed,
            listeners=listeners,
            disabled=self.run.disabled,
        )
        try:
            with self.run.lab_under_way(), self.run.interrupts.cancelling(self.tell):
                topology = with_requests(self.topology, requests, kinds())
                verdicts, refusal = await carry_out(topology, plan, setting, folder), None
        except ChaoslabError as error:
            verdicts, refusal = (), error
        self._saved(folder, refusal)
        try:
            save_verdicts(folder, verdicts)
        except ResultsUnwritable as error:
            verdicts = doubted(verdicts, (VERDICTS_UNSAVED(why=str(error)),))
        result = Result(folder=folder.path, verdicts=verdicts)
        if listeners:
            self.tell(f"  {result.outcome.value}: " + ", ".join(v.name for v in verdicts))
        return result

    def _saved(self, folder: RunFolder, refusal: ChaoslabError | None) -> None:
        """Name the run's folder for the gate. Skips or fails the test if the lab refused the
        plan.
        """
        properties = self.node.user_properties
        if refusal is not None:
            properties.append(problems_property(refusal))
        if isinstance(refusal, FaultUnsupported | SpecError) and not isinstance(
            refusal, ResultsUnwritable
        ):
            discard(folder.path)
        else:
            properties.append((RUN_PROPERTY, str(folder.path)))
        if isinstance(refusal, FaultUnsupported):
            pytest.skip(each_line(f"fault not supported here: {refusal}"))
        if refusal is not None:
            properties.append((TROUBLE_PROPERTY, type(refusal).__name__))
            pytest.fail(each_line(str(refusal)), pytrace=False)

    def _only_planned(self, requests: Requests, plan: Plan, folder: RunFolder) -> NoReturn:
        from chaoslab.model.loader.scenario_requests import with_requests
        from chaoslab.model.plan import resolve
        from chaoslab.services import kinds

        try:
            topology = with_requests(self.topology, requests, kinds())
            folder.save_plan(topology, resolve(plan, topology))
        except SpecError as error:
            discard(folder.path)
            pytest.fail(str(error), pytrace=False)
        self.node.user_properties.append((RUN_PROPERTY, str(folder.path)))
        pytest.skip("only planned")

    def _progress(self, event: AnyEvent) -> None:
        from chaoslab.report.progress import line

        if (text := line(event)) is not None:
            self.tell(text)

    def tell(self, text: str) -> None:
        """Print a line on the terminal at once."""
        tell(self.node.config, text)


def require_pass(result: Result, topology: Topology) -> None:
    """Fail the test unless every verdict is PASS or a known gap of the topology.

    With a known gap that still occurs, and nothing else, the test ends as an expected failure.
    """
    from chaoslab.model.verdict import Outcome
    from chaoslab.verdicts.known_gaps import weighed

    gaps, today = topology.known_gaps, wall_time().date()
    found = weighed(result.folder.name, result.verdicts, gaps, today)
    notes = "\n".join(f"known gap: {note.text}" for note in found.notes)
    if found.outcome is not Outcome.PASS:
        pytest.fail("\n".join(filter(None, (explained(result), notes))), pytrace=False)
    if notes:
        pytest.xfail(notes)


def explained(result: Result) -> str:
    """Why a test failed: the verdicts of a run, and the file with its history."""
    return f"{result.explanation}\n  history: {shown(result.folder)}/history.jsonl"


def discard(folder: Path) -> None:
    """Remove the folder of a scenario that did not run; the run's folder too, if it is empty."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def _scenario_name(node: pytest.Item) -> str:
    file, _, inside = node.nodeid.partition("::")
    module = file.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    plain = f"{module}-{inside.replace('::', '-').removeprefix('test_')}"
    return re.sub(r"[^\w.-]+", "_", plain).strip("_")

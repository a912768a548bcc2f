"""The `chaos` fixture: it runs the plan of a scenario and passes, fails or skips the test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from chaoslab.errors import ChaoslabError, FaultUnsupported, ResultsUnwritable, SpecError
from chaoslab.gate.report_hooks import RUN_PROPERTY, TROUBLE_PROPERTY, problems_property
from chaoslab.printable import each_line
from chaoslab.pytest_plugin.awaiting import BEGUN, CALLED, own_task
from chaoslab.pytest_plugin.run import RUN, Run
from chaoslab.pytest_plugin.terminal import shown, shows_progress, tell

if TYPE_CHECKING:
    from chaoslab.expectations.base import Expectation
    from chaoslab.history.events import AnyEvent
    from chaoslab.history.run_folder import RunFolder
    from chaoslab.model.faults import Declared
    from chaoslab.model.load import Load, Sampling
    from chaoslab.model.loader.scenario_requests import Requests
    from chaoslab.model.plan import Boot, Plan
    from chaoslab.model.steps import Probe, Step
    from chaoslab.results import Result


class Chaos:
    """Runs scenarios on the topology. The fixture `chaos` gives one to each test."""

    def __init__(self, run: Run, request: pytest.FixtureRequest) -> None:
        self._run = run
        self._request = request
        self.topology = run.topology

    @property
    def runtime(self) -> str:
        """The name of the runtime of this session, such as `netns`; `local` is never returned."""
        return self._run.choice.runtime

    @property
    def counts_refused(self) -> bool:
        """Whether this runtime counts the connects that a fault refuses.

        Without it a verdict about an app that only connects and exits is UNKNOWN under `refused`.
        """
        return self._run.choice.counts_refused

    def run(
        self,
        *faults: Declared,
        expect: Sequence[Expectation],
        boots: Sequence[Boot] | None = None,
        load: Sequence[Load] = (),
        sampling: Sampling | None = None,
        steps: Sequence[Step] = (),
        probes: Sequence[Probe] = (),
        requests: Requests | None = None,
        limit_s: float | None = None,
        check: bool = True,
    ) -> Coroutine[Any, Any, Result]:
        """Run a plan and judge it. Await the call: a test that does not await it fails.

        The call needs a running asyncio loop and returns the Result. A verdict FAIL or UNKNOWN
        fails the test, with the reasons. The test is skipped if the proxy or the platform does not
        support one of the faults. An error of the lab fails the test. With `check=False` no verdict
        fails the test; the test's own code decides from the result. The gate still reads the saved
        verdicts, so a FAIL stays a FAIL there.

        `requests` are requests of apps beside those of the topology, as the same tables:
        `{"backend": {"order": {"kind": "write", "path": "/orders", …}}}`.
        """
        called = self._run_plan(
            faults,
            expect=expect,
            boots=boots,
            load=load,
            sampling=sampling,
            steps=steps,
            probes=probes,
            requests=requests or {},
            limit_s=limit_s,
            check=check,
        )
        self._request.node.stash.setdefault(CALLED, []).append(called)
        return called

    async def _run_plan(
        self,
        faults: tuple[Declared, ...],
        *,
        expect: Sequence[Expectation],
        boots: Sequence[Boot] | None,
        load: Sequence[Load],
        sampling: Sampling | None,
        steps: Sequence[Step],
        probes: Sequence[Probe],
        requests: Requests,
        limit_s: float | None,
        check: bool,
    ) -> Result:
        self._request.node.stash.setdefault(BEGUN, []).append(own_task())
        from chaoslab.gate.new_folder import new_folder
        from chaoslab.history.run_folder import RunFolder
        from chaoslab.lab.carry_out import Setting, carry_out
        from chaoslab.model.load import Sampling
        from chaoslab.model.loader.scenario_requests import with_requests
        from chaoslab.model.plan import Boot, Plan
        from chaoslab.report.properties import properties_of
        from chaoslab.report.runs import save_verdicts
        from chaoslab.results import Result
        from chaoslab.services import kinds
        from chaoslab.verdicts.doubts import VERDICTS_UNSAVED, doubted

        assert self.topology is not None
        # a test may run two plans, and two files may have the same name
        folder = RunFolder(new_folder(self._run.folder / _scenario_name(self._request.node)))
        plan = Plan(
            name=folder.path.name,
            boots=tuple(boots) if boots is not None else (Boot(),),
            faults=faults,
            load=tuple(load),
            sampling=sampling or Sampling(),
            steps=tuple(steps),
            probes=tuple(probes),
            expect=tuple(expect),
            limit_s=limit_s,
        )
        if self._run.max_lag_s is not None:
            plan = replace(plan, max_lag_s=self._run.max_lag_s)
        if self._request.config.getoption("--chaos-plan-only"):
            self._only_planned(requests, plan, folder)
        listeners = (self._progress,) if shows_progress(self._request.config) else ()
        if listeners:
            self._tell(f"\n{plan.name}")
        setting = Setting(
            open_runtime=self._run.session().lab,
            runtime_note=self._run.choice.note,
            proxy=self._run.proxy,
            seed=self._run.seed,
            listeners=listeners,
            disabled=self._run.disabled,
        )
        try:
            with self._run.lab_under_way(), self._run.interrupts.cancelling(self._tell):
                topology = with_requests(self.topology, requests, kinds())
                verdicts, refusal = await carry_out(topology, plan, setting, folder), None
        except ChaoslabError as error:
            verdicts, refusal = (), error
            self._request.node.user_properties.append(problems_property(error))
        if isinstance(refusal, FaultUnsupported | SpecError) and not isinstance(
            refusal, ResultsUnwritable
        ):
            _discard(folder.path)
        else:
            self._request.node.user_properties.append((RUN_PROPERTY, str(folder.path)))
        if isinstance(refusal, FaultUnsupported):
            pytest.skip(each_line(f"fault not supported here: {refusal}"))
        if refusal is not None:
            self._request.node.user_properties.append((TROUBLE_PROPERTY, type(refusal).__name__))
            pytest.fail(each_line(str(refusal)), pytrace=False)
        try:
            save_verdicts(folder, verdicts)
        except ResultsUnwritable as error:
            verdicts = doubted(verdicts, (VERDICTS_UNSAVED(why=str(error)),))
        self._request.node.user_properties += properties_of(verdicts)
        result = Result(folder=folder.path, verdicts=verdicts)
        if listeners:
            self._tell(f"  {result.outcome.value}: " + ", ".join(v.name for v in verdicts))
        if check and not result.passed:
            pytest.fail(_explained(result), pytrace=False)
        return result

    def _only_planned(self, requests: Requests, plan: Plan, folder: RunFolder) -> NoReturn:
        from chaoslab.model.loader.scenario_requests import with_requests
        from chaoslab.model.plan import resolve
        from chaoslab.services import kinds

        assert self.topology is not None
        try:
            topology = with_requests(self.topology, requests, kinds())
            folder.save_plan(topology, resolve(plan, topology))
        except SpecError as error:
            _discard(folder.path)
            pytest.fail(str(error), pytrace=False)
        self._request.node.user_properties.append((RUN_PROPERTY, str(folder.path)))
        pytest.skip("only planned")

    def _progress(self, event: AnyEvent) -> None:
        from chaoslab.report.progress import line

        if (text := line(event)) is not None:
            self._tell(text)

    def _tell(self, text: str) -> None:
        tell(self._request.config, text)


@pytest.fixture
def chaos(request: pytest.FixtureRequest) -> Chaos:
    """The `Chaos` of a test, which runs a scenario on the topology: `await chaos.run(fault, …,
    expect=[…])`.
    """
    return Chaos(request.config.stash[RUN], request)


def _discard(folder: Path) -> None:
    """Remove the folder of a scenario that did not run; the run's folder too, if it is empty."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def _scenario_name(node: pytest.Item) -> str:
    file, _, inside = node.nodeid.partition("::")
    module = file.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    plain = f"{module}-{inside.replace('::', '-').removeprefix('test_')}"
    return re.sub(r"[^\w.-]+", "_", plain).strip("_")


def _explained(result: Result) -> str:
    return f"{result.explanation}\n  history: {shown(result.folder)}/history.jsonl"

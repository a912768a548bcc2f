"""Runs the gate's self-test: pytest saves the plans, then runs each trial."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.clock import now_s, wall_time
from chaoslab.errors import ChaoslabError, ErrorCode, Problem, ServiceFailed, SpecError
from chaoslab.faults.base import MutationKind
from chaoslab.faults.mutation import MUTATIONS
from chaoslab.gate.process import Record, ReportFile
from chaoslab.gate.pytest_calls import PytestCalls
from chaoslab.gate.pytest_job import GRACE_S, PytestJob, running
from chaoslab.gate.records import Finished, Selected, Uncollected
from chaoslab.gate.self_test import Batch, Trial, TrialResult, TrialRun, batches, judged, trials
from chaoslab.gate.self_test_text import line
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.gate import GateStage
from chaoslab.model.plan import Plan
from chaoslab.registry import kinds
from chaoslab.report.runs import saved_verdicts

WORKERS = 2
FOLLOW_S = 0.2
BATCH_WITHIN_S = 600.0
_RAN = (0, 1, 5)  # pytest's exit codes: all passed, some failed, no test selected

NOTHING_SELECTED = ErrorCode(
    "self_test.selects_nothing",
    "-m '{marker}' selects no scenario in {folder}",
    "The self-test found no scenario to run.",
)
NO_PLAN = ErrorCode(
    "self_test.no_plan",
    "cannot be planned",
    "A scenario failed before it gave its plan, so its faults are not known.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What the self-test runs: the scenarios in the folder `scenarios` that `marker` selects.

    `marker` is an expression of `pytest -m`. `folder` gets all results. `commands` are other builds
    of apps.
    """

    scenarios: Path
    marker: str
    topology: Path
    folder: Path
    commands: tuple[str, ...] = ()
    kinds: tuple[MutationKind, ...] = MUTATIONS
    workers: int = WORKERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The result of every trial, the scenarios without a fault, and the time of the self-test."""

    results: tuple[TrialResult, ...]
    without_faults: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether there was a trial, and every disabled fault was detected."""
        return bool(self.results) and all(each.passed for each in self.results)


def self_tested(
    calls: PytestCalls, stages: Sequence[GateStage], results: Path, say: Callable[[str], None]
) -> Results:
    """Run the self-test of these stages in a new folder inside `results`; `say` gets its progress.

    Raises the errors of `run`.
    """
    test = SelfTest(
        scenarios=calls.scenarios,
        marker=" or ".join(f"({stage.marker})" for stage in stages),
        topology=Path(calls.topology.source).resolve(),
        folder=results.resolve() / f"self-test-{wall_time():%Y%m%d-%H%M%S}",
        commands=calls.commands,
        workers=calls.gate.workers,
    )
    say(f"self-test: every fault disabled in turn, {test.workers} at a time, in {test.folder}")
    return asyncio.run(run(test, lambda tried, n, total: say(str(line(tried, n, total)))))


async def run(test: SelfTest, tell: Callable[[TrialResult, int, int], None]) -> Results:
    """Save the plans, then run every trial. `tell` gets each result, its number, and the total.

    Raises SpecError if no scenario is selected or one cannot be planned, ServiceFailed if pytest
    could not run.
    """
    begun_s = now_s()
    plans = await planned(test)
    queue = batches(trials(plans, test.kinds))
    total = sum(len(batch.trials) for batch in queue)
    numbered = list(enumerate(queue))
    done: list[TrialResult] = []

    async def work() -> None:
        while numbered:
            number, batch = numbered.pop(0)
            async for result in _run_batch(test, batch, test.folder / f"{number:03d}"):
                done.append(result)
                tell(result, len(done), total)

    async with asyncio.TaskGroup() as group:
        for _ in range(max(1, test.workers)):
            group.create_task(work())
    without_faults = tuple(scenario for scenario, plan in plans.values() if not plan.faults)
    return Results(results=tuple(done), without_faults=without_faults, seconds=now_s() - begun_s)


async def planned(test: SelfTest) -> dict[str, tuple[str, Plan]]:
    """Maps the node id of each selected scenario to its name and its first plan.

    No lab is started.
    """
    chosen = (str(test.scenarios), "-m", test.marker, "--chaos-plan-only")
    job = _job(test, test.folder / "plans", chosen)
    async with running(job) as process:
        code = await process.wait()
    if code not in _RAN:
        raise ServiceFailed(job.failure(code))
    records = list(ReportFile(job.report).new_records())
    if wrong := [*_unplanned(records)]:
        raise SpecError(wrong)
    root = next((each.root for each in records if isinstance(each, Selected)), "")
    plans = {
        str(Path(root, each.nodeid)): (each.scenario, RunFolder(Path(each.folder)).plan(kinds()))
        for each in records
        if isinstance(each, Finished) and each.folder
    }
    if not plans:
        reason = NOTHING_SELECTED(marker=test.marker, folder=str(test.scenarios))
        raise SpecError(
            Problem(reason=reason, where="gate --self-test", fix=f"read the log {job.log}")
        )
    return plans


def _unplanned(records: Iterable[Record]) -> Iterator[Problem]:
    for each in records:
        if isinstance(each, Selected):
            continue
        if isinstance(each, Uncollected) or each.outcome in ("failed", "error"):
            lines = tuple(each.reason.splitlines())
            yield Problem(reason=NO_PLAN(), where=each.nodeid, lines=lines)


async def _run_batch(test: SelfTest, batch: Batch, folder: Path) -> AsyncIterator[TrialResult]:
    """Run the batch in one pytest process, and yield the result of each trial as it ends.

    Trials without a report come last, as not run.
    """
    waiting = {trial.scenario: trial for trial in batch.trials}
    nodeids = (trial.nodeid for trial in batch.trials)
    arguments = ("-m", "", "--chaos-disable", str(batch.mutation), *nodeids)
    job = _job(test, folder, arguments)
    report = ReportFile(job.report)
    async with running(job) as process:
        ended = asyncio.create_task(process.wait())
        deadline_s = now_s() + BATCH_WITHIN_S
        while waiting and now_s() < deadline_s:
            over = ended.done()
            for record in report.new_records():
                trial = waiting.pop(getattr(record, "scenario", ""), None)
                if trial is not None and isinstance(record, Finished):
                    yield _result(trial, record)
            if over:
                break
            await asyncio.wait({ended}, timeout=FOLLOW_S)
        await asyncio.wait({ended}, timeout=GRACE_S)
    for trial in waiting.values():
        yield _not_judged(trial, f"pytest reported no result: see {job.log}", 0.0)


def _result(trial: Trial, record: Finished) -> TrialResult:
    seconds = record.seconds
    if not record.folder:
        return _not_judged(trial, f"not run: {record.reason}", seconds)
    folder = RunFolder(Path(record.folder))
    try:
        verdicts = saved_verdicts(folder)
        if verdicts is None:
            return _not_judged(trial, f"no verdict: {record.reason}", seconds)
        run = TrialRun(
            verdicts=verdicts,
            topology=folder.topology(),
            plan=folder.plan(kinds()),
            history=folder.history(),
        )
    except ChaoslabError as error:
        return _not_judged(trial, str(error), seconds)
    return judged(trial, run, seconds)


def _not_judged(trial: Trial, why: str, seconds: float) -> TrialResult:
    return TrialResult(trial=trial, outcome=None, passed=False, reason=why, seconds=seconds)


def _job(test: SelfTest, folder: Path, arguments: Sequence[str]) -> PytestJob:
    return PytestJob(
        topology=test.topology, folder=folder, arguments=arguments, commands=test.commands
    )

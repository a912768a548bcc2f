"""Carries the gate's self-test out: pytest collects the plans, and then runs each mutation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.clock import now_s, wall_time
from chaoslab.errors import ChaoslabError, Problem, ServiceFailed, SpecError
from chaoslab.faults.base import MutationKind
from chaoslab.faults.mutation import MUTATIONS
from chaoslab.gate.background import GRACE_S, Background, running
from chaoslab.gate.calls import Calls
from chaoslab.gate.process import Record, ReportFile
from chaoslab.gate.records import Finished, Selected, Uncollected
from chaoslab.gate.self_test import Batch, Ran, Trial, Tried, batches, judged, trials
from chaoslab.gate.self_test_text import line
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.gate import GateStage
from chaoslab.model.plan import Plan
from chaoslab.registry import kinds
from chaoslab.report.runs import saved_verdicts

WORKERS = 2
FOLLOW_S = 0.2
BATCH_WITHIN_S = 600.0
_RAN = (0, 1, 5)  # pytest's exit status where it did what it was asked to, 5 for no test at all


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What is tried, and where: the scenarios below `scenarios` that `marker` selects, as `pytest
    -m` reads it; `folder` keeps all that the runs leave. `commands` are other builds of apps.
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
    """Every trial, scenarios without a fault, and how long it all took."""

    tried: tuple[Tried, ...]
    faultless: tuple[str, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether something was tried, and every disabled fault was seen through."""
        return bool(self.tried) and all(each.holds for each in self.tried)


def self_tested(
    calls: Calls, stages: Sequence[GateStage], results: Path, say: Callable[[str], None]
) -> Results:
    """Try the scenarios of these stages, in a new folder below `results`; says what it does.

    Raises as `run` does.
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


async def run(test: SelfTest, tell: Callable[[Tried, int, int], None]) -> Results:
    """Plan, then try all; `tell` is called with each result, its number, and how many there are.

    Raises SpecError where nothing is selected or a scenario cannot be planned, and ServiceFailed
    where pytest itself could not do its work.
    """
    begun_s = now_s()
    plans = await planned(test)
    queue = batches(trials(plans, test.kinds))
    total = sum(len(batch.trials) for batch in queue)
    numbered = list(enumerate(queue))
    done: list[Tried] = []

    async def work() -> None:
        while numbered:
            number, batch = numbered.pop(0)
            async for tried in _tried(test, batch, test.folder / f"{number:03d}"):
                done.append(tried)
                tell(tried, len(done), total)

    async with asyncio.TaskGroup() as group:
        for _ in range(max(1, test.workers)):
            group.create_task(work())
    faultless = tuple(scenario for scenario, plan in plans.values() if not plan.faults)
    return Results(tried=tuple(done), faultless=faultless, seconds=now_s() - begun_s)


async def planned(test: SelfTest) -> dict[str, tuple[str, Plan]]:
    """Each selected scenario's name and first plan by its node id; nothing is brought up."""
    chosen = (str(test.scenarios), "-m", test.marker, "--chaos-plan-only")
    job = _job(test, test.folder / "plans", chosen)
    async with running(job) as process:
        code = await process.wait()
    if code not in _RAN:
        raise ServiceFailed(f"pytest ended with exit code {code}:\n  {job.last_words}")
    told = list(ReportFile(job.report).news())
    if wrong := [*_unplanned(told)]:
        raise SpecError(wrong)
    root = next((each.root for each in told if isinstance(each, Selected)), "")
    plans = {
        str(Path(root, each.nodeid)): (each.scenario, RunFolder(Path(each.folder)).plan(kinds()))
        for each in told
        if isinstance(each, Finished) and each.folder
    }
    if not plans:
        what = f"-m '{test.marker}' selects no scenario in {test.scenarios}"
        raise SpecError([Problem(where="gate --self-test", what=what, fix=f"see {job.log}")])
    return plans


def _unplanned(told: Iterable[Record]) -> Iterator[Problem]:
    for each in told:
        if isinstance(each, Selected):
            continue
        if isinstance(each, Uncollected) or each.outcome in ("failed", "error"):
            yield Problem(where=each.nodeid, what=f"cannot be planned: {each.reason}")


async def _tried(test: SelfTest, batch: Batch, folder: Path) -> AsyncIterator[Tried]:
    """The batch's trials as they end; those that pytest never told of come last, as not tried."""
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
            for record in report.news():
                trial = waiting.pop(getattr(record, "scenario", ""), None)
                if trial is not None and isinstance(record, Finished):
                    yield _one(trial, record)
            if over:
                break
            await asyncio.wait({ended}, timeout=FOLLOW_S)
        await asyncio.wait({ended}, timeout=GRACE_S)
    for trial in waiting.values():
        yield _untried(trial, f"pytest reported no result: see {job.log}", 0.0)


def _one(trial: Trial, record: Finished) -> Tried:
    seconds = record.seconds
    if not record.folder:
        return _untried(trial, f"not run: {record.reason}", seconds)
    folder = RunFolder(Path(record.folder))
    try:
        verdicts = saved_verdicts(folder)
        if verdicts is None:
            return _untried(trial, f"no verdict: {record.reason}", seconds)
        ran = Ran(
            verdicts=verdicts,
            topology=folder.topology(),
            plan=folder.plan(kinds()),
            history=folder.history(),
        )
    except ChaoslabError as error:
        return _untried(trial, str(error), seconds)
    return judged(trial, ran, seconds)


def _untried(trial: Trial, why: str, seconds: float) -> Tried:
    return Tried(trial=trial, outcome=None, holds=False, reason=why, seconds=seconds)


def _job(test: SelfTest, folder: Path, arguments: Sequence[str]) -> Background:
    return Background(
        topology=test.topology, folder=folder, arguments=arguments, commands=test.commands
    )

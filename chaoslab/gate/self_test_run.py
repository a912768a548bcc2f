"""Carries the gate's self-test out: pytest collects the plans, and then runs each mutation."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chaoslab.clock import now_s, wall_time
from chaoslab.errors import ChaoslabError, Problem, ServiceFailed, SpecError
from chaoslab.faults.mutation import KINDS, MutationKind
from chaoslab.gate.calls import Calls
from chaoslab.gate.choice import has_xdist
from chaoslab.gate.self_test import Batch, Ran, Trial, Tried, batches, judged, trials
from chaoslab.gate.self_test_text import line
from chaoslab.history.run_folder import RunFolder
from chaoslab.report.runs import saved_verdicts
from chaoslab.runtimes.base import environment
from chaoslab.spec.gate import GateStage
from chaoslab.spec.plan import Plan

WORKERS = 2
FOLLOW_S = 0.2
GRACE_S = 15.0  # what an interrupted scenario needs to heal and to take its servers down
BATCH_WITHIN_S = 600.0
_RAN = (0, 1, 5)  # pytest's exit status where it did what it was asked to, 5 for no test at all
_LOG = "pytest.log"


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
    kinds: tuple[MutationKind, ...] = KINDS
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
        workers=calls.workers,
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
    folder = test.folder / "plans"
    chosen = (str(test.scenarios), "-m", test.marker, "--chaos-plan-only")
    async with _pytest(test, folder, chosen) as process:
        code = await process.wait()
    if code not in _RAN:
        raise ServiceFailed(f"pytest ended with {code}:\n  {_last_words(folder)}")
    told = list(_records(folder))
    root = next((str(each["root"]) for each in told if each.get("kind") == "selected"), "")
    records = [each for each in told if each.get("kind") != "selected"]
    wrong = [r for r in records if r.get("outcome") in ("failed", "error") or "outcome" not in r]
    if wrong:
        raise SpecError(
            Problem(where=str(r["nodeid"]), what=f"cannot be planned: {r['reason']}") for r in wrong
        )
    plans = {
        str(Path(root, str(r["nodeid"]))): (str(r["scenario"]), _plan_in(str(r["folder"])))
        for r in records
        if r.get("folder")
    }
    if not plans:
        what = f"-m '{test.marker}' selects no scenario in {test.scenarios}"
        raise SpecError([Problem(where="gate --self-test", what=what, mend=f"see {folder / _LOG}")])
    return plans


def _plan_in(folder: str) -> Plan:
    return RunFolder(Path(folder)).plan()


async def _tried(test: SelfTest, batch: Batch, folder: Path) -> AsyncIterator[Tried]:
    """The batch's trials as they end; those that pytest never told of come last, as not tried."""
    waiting = {trial.scenario: trial for trial in batch.trials}
    nodeids = (trial.nodeid for trial in batch.trials)
    arguments = ("-m", "", "--chaos-disable", str(batch.mutation), *nodeids)
    async with _pytest(test, folder, arguments) as process:
        ended = asyncio.create_task(process.wait())
        deadline_s = now_s() + BATCH_WITHIN_S
        while waiting and now_s() < deadline_s:
            over = ended.done()
            for record in _records(folder):
                trial = waiting.pop(str(record.get("scenario")), None)
                if trial is not None:
                    yield _one(trial, record)
            if over:
                break
            await asyncio.wait({ended}, timeout=FOLLOW_S)
        await asyncio.wait({ended}, timeout=GRACE_S)
    for trial in waiting.values():
        yield _untried(trial, f"pytest told nothing of it: see {folder / _LOG}", 0.0)


def _one(trial: Trial, record: Mapping[str, object]) -> Tried:
    seconds, path = float(str(record.get("seconds") or 0.0)), record.get("folder")
    if not path:
        return _untried(trial, f"it was not run: {record.get('reason')}", seconds)
    folder = RunFolder(Path(str(path)))
    try:
        verdicts = saved_verdicts(folder)
        if verdicts is None:
            return _untried(trial, f"it came to no verdict: {record.get('reason')}", seconds)
        ran = Ran(
            verdicts=verdicts,
            topology=folder.topology(),
            plan=folder.plan(),
            history=folder.history(),
        )
    except ChaoslabError as error:
        return _untried(trial, str(error), seconds)
    return judged(trial, ran, seconds)


def _untried(trial: Trial, why: str, seconds: float) -> Tried:
    return Tried(trial=trial, outcome=None, holds=False, reason=why, seconds=seconds)


@asynccontextmanager
async def _pytest(
    test: SelfTest, folder: Path, arguments: Sequence[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A pytest process; interrupted, and waited for, where the block ends before it does."""
    options = {
        "--chaos-topology": test.topology,
        "--chaos-results": folder,
        "--chaos-report": folder / "report.jsonl",
        "--chaos-progress": "off",
    }
    each = [f"{name}={value}" for name, value in options.items()]
    each += [f"--chaos-command={command}" for command in test.commands]
    # nothing but these words decides what is run, and one after the other
    each += ["--maxfail=0", "-k", "", "-p", "no:cacheprovider"]
    each += ["-n", "0"] if has_xdist() else []
    env = environment()
    env.pop("PYTEST_ADDOPTS", None)
    with _log(folder) as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", "-q", *each, *arguments),
            cwd=test.topology.parent,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await _ended(process)


def _log(folder: Path) -> BinaryIO:
    folder.mkdir(parents=True)
    return (folder / _LOG).open("wb")


def _last_words(folder: Path) -> str:
    text = (folder / _LOG).read_text(encoding="utf-8", errors="replace")
    return "\n  ".join(text.splitlines()[-15:])


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Ctrl-C for pytest and its like, then less politely; nothing where it has ended."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await process.wait()


def _records(folder: Path) -> Iterator[Mapping[str, object]]:
    """The whole lines of a report so far; one that is half written is left for the next look."""
    try:
        text = (folder / "report.jsonl").read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    whole, _, _ = text.rpartition("\n")
    for each in whole.splitlines():
        record = json.loads(each)
        if isinstance(record, dict):
            yield record

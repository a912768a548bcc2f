"""Runs the trials of many builds, a few in parallel, until each build has enough of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.clock import wall_time
from chaoslab.corpus.jobs import Done, nodeid_of, run
from chaoslab.corpus.ledger import GOOD, Entry, Ledger
from chaoslab.corpus.records import Defect
from chaoslab.corpus.trial import Trial, tried
from chaoslab.errors import ServiceFailed
from chaoslab.gate.new_folder import new_folder
from chaoslab.gate.pytest_job import PytestJob
from chaoslab.gate.result import ScenarioResult
from chaoslab.model.verdict import Outcome

Tell = Callable[[Entry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """The builds to test, their scenarios, and how many trials run in parallel.

    `markers` select the scenarios of the good build: the stages of the gate. `scenarios` is their
    folder, relative to the topology's. `runtime` is the value of --chaos-runtime.
    """

    topology: Path
    scenarios: str
    markers: Sequence[str]
    defects: Sequence[Defect]
    good: bool
    app: str
    folder: Path
    runtime: str
    workers: int = 2

    async def run(self, ledger: Ledger, repeat: int, tell: Tell) -> None:
        """Run trials until the ledger has `repeat` of each build. Each trial is saved when it ends.

        If the campaign is cancelled, the running trials are not saved. Raises ServiceFailed if
        pytest could not run the scenarios.
        """
        slots = asyncio.Semaphore(self.workers)
        failure: ServiceFailed | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for work in self._due(ledger, repeat):
                    group.create_task(self._one(work, slots, ledger, tell))
        except* ServiceFailed as errors:
            failure = _first(errors)
        if failure is not None:
            raise failure

    def _due(self, ledger: Ledger, repeat: int) -> Iterator[Defect | None]:
        """The builds that the ledger needs more trials of, round by round, until it has `repeat` of
        each. In a round the longest is first. None means the good build.
        """
        have = Counter(entry.build for entry in ledger.entries())
        for number in range(repeat):
            if self.good and have[GOOD] <= number:
                yield None
            longest_first = sorted(self.defects, key=lambda defect: -len(defect.runs))
            yield from (defect for defect in longest_first if have[defect.name] <= number)

    async def _one(
        self, defect: Defect | None, slots: asyncio.Semaphore, ledger: Ledger, tell: Tell
    ) -> None:
        if defect is None:
            entry = await self._good(slots, ledger)
        else:
            entry = await self._bad(defect, slots, ledger)
        ledger.append(entry)
        tell(entry)

    async def _bad(self, defect: Defect, slots: asyncio.Semaphore, ledger: Ledger) -> Entry:
        async with slots:
            folder = new_folder(self.folder / defect.name)
            ids = tuple(nodeid_of(scenario, self.scenarios) for scenario in defect.runs)
            build = (f"{self.app}={defect.command}",)
            done = await run(self._job(("-m", "", *ids), folder, build))
        trial = tried(defect, {name: r.verdicts for name, r in done.results.items()})
        if done.troubles:
            why = (f"{name}: the lab failed: {trouble}" for name, trouble in done.troubles.items())
            trial = Trial(outcome="unclear", why=tuple(why))
        failed = {
            verdict.name: None
            for scenario, result in done.results.items()
            for verdict in result.verdicts
            if scenario in defect.scenarios and verdict.outcome is Outcome.FAIL
        }
        return Entry(
            build=defect.name,
            state=ledger.state,
            at=wall_time().isoformat(timespec="seconds"),
            outcome=trial.outcome,
            seconds=done.seconds,
            verdicts=tuple(failed),
            why=trial.why,
            folder=str(folder),
        )

    async def _good(self, slots: asyncio.Semaphore, ledger: Ledger) -> Entry:
        """Test the good build: run the stages of the gate in parallel.

        `seconds` of the entry is the sum of the stages' times, without the time that they waited.
        """
        folder = new_folder(self.folder / GOOD)

        async def stage(number: int, marker: str) -> Done:
            async with slots:
                job = self._job(("-m", marker, self.scenarios), folder / f"stage-{number}")
                return await run(job)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(stage(n, m)) for n, m in enumerate(self.markers, start=1)]
        results = {name: r for task in tasks for name, r in task.result().results.items()}
        outcomes = Counter(result.outcome for result in results.values())
        return Entry(
            build=GOOD,
            state=ledger.state,
            at=wall_time().isoformat(timespec="seconds"),
            outcome="passed" if set(outcomes) <= {"PASS"} else "not passed",
            seconds=sum(task.result().seconds for task in tasks),
            why=tuple(_complaints(results.values())),
            outcomes=tuple(sorted((str(name), count) for name, count in outcomes.items())),
            folder=str(folder),
        )

    def _job(
        self, arguments: tuple[str, ...], folder: Path, commands: tuple[str, ...] = ()
    ) -> PytestJob:
        return PytestJob(
            topology=self.topology,
            folder=folder,
            arguments=(f"--chaos-runtime={self.runtime}", *arguments),
            commands=commands,
        )


def _first(errors: ExceptionGroup[ServiceFailed]) -> ServiceFailed:
    """The first ServiceFailed in an exception group, which may contain other groups."""
    error: Exception = errors
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ServiceFailed)
    return error


def _complaints(results: Iterable[ScenarioResult]) -> Iterator[str]:
    """A line for each verdict that is not PASS, and for each scenario that did not pass without
    such a verdict.
    """
    for result in results:
        bad = [v for v in result.verdicts if v.outcome is not Outcome.PASS]
        for verdict in bad:
            why = verdict.because[0].text if verdict.because else verdict.claim
            yield f"{result.scenario}: '{verdict.name}' is {verdict.outcome.value} ({why})"
        if not bad and result.outcome != "PASS":
            yield f"{result.scenario}: {result.outcome} ({' '.join(result.reasons[:1])})"

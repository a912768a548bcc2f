"""Trials of many builds, a few at a time, until each has been tried often enough."""

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
from chaoslab.gate.background import Background
from chaoslab.gate.result import ScenarioResult
from chaoslab.history.files import make_folder
from chaoslab.model.verdict import Outcome

Tell = Callable[[Entry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What is tried, where its scenarios are, and how much at a time.

    `markers` choose the scenarios of the good build: the stages of the gate. `scenarios` is their
    folder as seen from the topology's.
    """

    topology: Path
    scenarios: str
    markers: Sequence[str]
    defects: Sequence[Defect]
    good: bool
    app: str
    folder: Path
    workers: int = 2

    async def run(self, ledger: Ledger, repeat: int, tell: Tell) -> None:
        """Try each build until the ledger holds `repeat` trials of it; each is written at its end.

        Cancelled, it leaves out what is under way. Raises ServiceFailed where pytest could not run
        the scenarios: a trial that did not take place is none.
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
        """Round by round, the longest first, so that the last ones are short; None is the good."""
        have = Counter(entry.build for entry in ledger.entries())
        for number in range(repeat):
            if self.good and have[GOOD] <= number:
                yield None
            longest_first = sorted(self.defects, key=lambda defect: -len(defect.runs))
            yield from (defect for defect in longest_first if have[defect.name] <= number)

    async def _one(
        self, defect: Defect | None, slots: asyncio.Semaphore, ledger: Ledger, tell: Tell
    ) -> None:
        entry = await (
            self._good(slots, ledger) if defect is None else self._bad(defect, slots, ledger)
        )
        ledger.append(entry)
        tell(entry)

    async def _bad(self, defect: Defect, slots: asyncio.Semaphore, ledger: Ledger) -> Entry:
        async with slots:
            folder = self._fresh(defect.name)
            ids = tuple(nodeid_of(scenario, self.scenarios) for scenario in defect.runs)
            build = (f"{self.app}={defect.command}",)
            done = await run(self._job(("-m", "", *ids), folder, build))
        trial = tried(defect, {name: r.verdicts for name, r in done.results.items()})
        if done.troubles:
            trial = Trial(outcome="unclear", why=tuple(_told(done)))
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
        """The whole gate's scenarios, stage beside stage; its seconds are theirs, without waits."""
        folder = self._fresh(GOOD)

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
    ) -> Background:
        return Background(
            topology=self.topology, folder=folder, arguments=arguments, commands=commands
        )

    def _fresh(self, name: str) -> Path:
        number = 1
        while (path := self.folder / f"{name}-{number}").exists():
            number += 1
        make_folder(path)
        return path


def _first(errors: ExceptionGroup[ServiceFailed]) -> ServiceFailed:
    """The first of several failures, however deep the groups lie in each other."""
    error: Exception = errors
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ServiceFailed)
    return error


def _told(done: Done) -> Iterator[str]:
    return (f"{scenario}: the lab failed: {why}" for scenario, why in done.troubles.items())


def _complaints(results: Iterable[ScenarioResult]) -> Iterator[str]:
    """Each scenario that did not pass: its verdicts with their first reason, or why it has none."""
    for result in results:
        bad = [v for v in result.verdicts if v.outcome is not Outcome.PASS]
        for verdict in bad:
            why = verdict.because[0].text if verdict.because else verdict.claim
            yield f"{result.scenario}: '{verdict.name}' is {verdict.outcome.value} ({why})"
        if not bad and result.outcome != "PASS":
            yield f"{result.scenario}: {result.outcome} ({' '.join(result.reasons[:1])})"

"""Runs the trials of many builds, a few in parallel, until each build has enough of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.corpus.builds import Build
from chaoslab.corpus.entry import entry_of
from chaoslab.corpus.jobs import Done, run
from chaoslab.corpus.ledger import Entry, Ledger
from chaoslab.errors import ServiceFailed
from chaoslab.gate.pytest_job import PytestJob
from chaoslab.history.new_folder import new_folder

Tell = Callable[[Entry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """The builds to test, the folder of their results, and how many pytest processes run in
    parallel.
    """

    builds: Sequence[Build]
    folder: Path
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
                for build in self._due(ledger, repeat):
                    group.create_task(self._one(build, slots, ledger, tell))
        except* ServiceFailed as errors:
            failure = _first(errors)
        if failure is not None:
            raise failure

    def _due(self, ledger: Ledger, repeat: int) -> Iterator[Build]:
        """The builds that the ledger needs more trials of, round by round, until it has `repeat` of
        each. In a round the longest is first.
        """
        have = Counter(entry.build for entry in ledger.entries())
        longest_first = sorted(self.builds, key=_length, reverse=True)
        for number in range(repeat):
            yield from (build for build in longest_first if have[build.name] <= number)

    async def _one(
        self, build: Build, slots: asyncio.Semaphore, ledger: Ledger, tell: Tell
    ) -> None:
        """Run the calls of a build in parallel, and save what came of them.

        `seconds` of the entry is the sum of the calls' times, without the time that they waited.
        """
        folders: list[Path] = []  # one, made when the first call begins

        async def call(number: int, arguments: tuple[str, ...]) -> Done:
            async with slots:
                if not folders:
                    folders.append(new_folder(self.folder / build.name))
                one = len(build.calls) == 1
                folder = folders[0] if one else folders[0] / f"stage-{number}"
                return await run(_job(build, arguments, folder))

        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(call(*each)) for each in enumerate(build.calls, start=1)]
        entry = entry_of(build, [each.result() for each in calls], folders[0])
        ledger.append(entry)
        tell(entry)


def _length(build: Build) -> tuple[int, int]:
    return len(build.calls), len(build.record.runs) if build.record else 0


def _job(build: Build, arguments: tuple[str, ...], folder: Path) -> PytestJob:
    return PytestJob(
        topology=build.topology,
        folder=folder,
        arguments=(f"--chaos-runtime={build.runtime}", *arguments),
        commands=build.commands,
        env=build.env,
    )


def _first(errors: ExceptionGroup[ServiceFailed]) -> ServiceFailed:
    """The first ServiceFailed in an exception group, which may contain other groups."""
    error: Exception = errors
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ServiceFailed)
    return error

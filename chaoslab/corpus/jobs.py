"""Scenarios of one build, run as a pytest process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.gate.background import Background, running
from chaoslab.gate.judged import judged
from chaoslab.gate.process import ReportFile
from chaoslab.gate.records import Finished
from chaoslab.gate.result import ScenarioResult

LONGEST_S = 900.0  # no scenario of a corpus holds its fault for longer than seconds
RAN = (0, 1)  # pytest's exit status where tests were run, whatever they came to


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a job came to: each scenario's result by its name, and how long all took.

    `troubles` are the lab's own: scenarios in which it gave up, and why.
    """

    results: Mapping[str, ScenarioResult]
    troubles: Mapping[str, str]
    seconds: float


async def run(job: Background) -> Done:
    """Run a job to its end. Cancelled, it interrupts pytest and waits until all is taken down.

    Raises ServiceFailed, with the last lines of pytest's output, where it could not run the tests.
    """
    begun_s = now_s()
    async with running(job) as process, asyncio.timeout(LONGEST_S):
        code = await process.wait()
    if code not in RAN:
        raise ServiceFailed(
            f"pytest ended with exit code {code} in {job.folder}:\n  {job.last_words}"
        )
    ended = [each for each in ReportFile(job.report).news() if isinstance(each, Finished)]
    return Done(
        results={each.scenario: judged(each).result for each in ended},
        troubles={e.scenario: f"{e.trouble}: {e.reason.strip()}" for e in ended if e.trouble},
        seconds=now_s() - begun_s,
    )


def nodeid_of(scenario: str, folder: str) -> str:
    """`steady::starts` is `scenarios/test_steady.py::test_starts` where `folder` is `scenarios`."""
    module, _, inside = scenario.partition("::")
    return f"{folder}/test_{module}.py::test_{inside}"

"""Runs scenarios of one build in a pytest process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.gate.judged import judged
from chaoslab.gate.process import ReportFile
from chaoslab.gate.pytest_job import PytestJob, running
from chaoslab.gate.records import Finished
from chaoslab.gate.result import ScenarioResult

LONGEST_S = 900.0  # far more than the scenarios of one build need
RAN = (0, 1)  # pytest's exit codes if tests were run: all passed, some failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a job has done: `results` maps each scenario to its result, `seconds` is the total time.

    `troubles` maps each scenario in which the lab itself failed to the failure.
    """

    results: Mapping[str, ScenarioResult]
    troubles: Mapping[str, str]
    seconds: float


async def run(job: PytestJob) -> Done:
    """Run a job. If it is cancelled, pytest is interrupted, and its clean-up is waited for.

    Raises ServiceFailed with the last lines of pytest's output if pytest could not run the tests,
    and TimeoutError after 15 minutes.
    """
    begun_s = now_s()
    async with running(job) as process, asyncio.timeout(LONGEST_S):
        code = await process.wait()
    if code not in RAN:
        raise ServiceFailed(job.failure(code))
    ended = [each for each in ReportFile(job.report).new_records() if isinstance(each, Finished)]
    return Done(
        results={each.scenario: judged(each).result for each in ended},
        troubles={e.scenario: f"{e.trouble}: {e.reason.strip()}" for e in ended if e.trouble},
        seconds=now_s() - begun_s,
    )


def nodeid_of(scenario: str, folder: str) -> str:
    """The node id of a scenario in a folder of scenarios.

    For `steady::starts` it is `scenarios/test_steady.py::test_starts`.
    """
    module, _, inside = scenario.partition("::")
    return f"{folder}/test_{module}.py::test_{inside}"

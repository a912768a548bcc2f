"""Scenarios of one build as a pytest process of its own, a few of them at a time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.history.run_folder import RunFolder
from chaoslab.report.runs import saved_verdicts
from chaoslab.verdicts.verdict import Verdict

LONGEST_S = 900.0  # no scenario of a corpus holds its fault for longer than seconds
GRACE_S = 15.0  # what an interrupted scenario needs to heal and to take its servers down
RAN = (0, 1)  # pytest's exit status where tests were run, whatever they came to


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Scenarios to run: `arguments` choose them for pytest, `folder` keeps what they leave."""

    arguments: tuple[str, ...]
    folder: Path
    topology: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a job came to: each scenario's verdicts (none where it was skipped), and its seconds.

    `troubles` are the lab's own: scenarios in which it gave up, and why.
    """

    judged: Mapping[str, tuple[Verdict, ...]]
    troubles: Mapping[str, str]
    seconds: float


async def run(job: Job) -> Done:
    """Run a job to its end. Cancelled, it interrupts pytest and waits until all is taken down.

    Raises ServiceFailed, with the last lines of pytest's output, where it could not run the tests.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    report, log = job.folder / "report.jsonl", job.folder / "pytest.log"
    begun_s = now_s()
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *_command(job, report),
            cwd=job.topology.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(LONGEST_S):
                code = await process.wait()
        except BaseException:
            await _interrupted(process)
            raise
    if code not in RAN:
        last = "\n  ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise ServiceFailed(f"pytest ended with {code} in {job.folder}:\n  {last}")
    judged, troubles = _read(report)
    return Done(judged=judged, troubles=troubles, seconds=now_s() - begun_s)


def _command(job: Job, report: Path) -> Sequence[str]:
    options = {
        "--chaos-topology": job.topology,
        "--chaos-results": job.folder,
        "--chaos-report": report,
        "--chaos-progress": "off",
    }
    each = (f"{name}={value}" for name, value in options.items())
    return (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *each, *job.arguments)


async def _interrupted(process: asyncio.subprocess.Process) -> None:
    """Ctrl-C for pytest and its like: faults heal, servers go; then less politely."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await process.wait()
                return


def _read(report: Path) -> tuple[dict[str, tuple[Verdict, ...]], dict[str, str]]:
    judged: dict[str, tuple[Verdict, ...]] = {}
    troubles: dict[str, str] = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        if told["kind"] != "finished":
            continue
        verdicts = saved_verdicts(RunFolder(Path(told["folder"]))) if told["folder"] else None
        judged[told["scenario"]] = verdicts or ()
        if told["trouble"]:
            troubles[told["scenario"]] = f"{told['trouble']}: {told['reason'].strip()}"
    return judged, troubles


def nodeid_of(scenario: str, folder: str) -> str:
    """`steady::starts` is `scenarios/test_steady.py::test_starts` where `folder` is `scenarios`."""
    module, _, inside = scenario.partition("::")
    return f"{folder}/test_{module}.py::test_{inside}"

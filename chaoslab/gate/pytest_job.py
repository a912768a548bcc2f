"""A pytest process in the background, with its own log and report file."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaoslab.errors import Problem
from chaoslab.gate.process import PYTEST_FAILED
from chaoslab.gate.pytest_calls import fixed_options, in_one_process, pytest_command, pytest_env
from chaoslab.history.files import make_folder, open_file

GRACE_S = 15.0  # enough for an interrupted scenario to heal its faults and stop its servers


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestJob:
    """One pytest process. `arguments` select the tests; `folder` gets its log, report and runs.

    `commands` are other builds of apps, as for `--chaos-command`. `env` are further environment
    variables.
    """

    topology: Path
    folder: Path
    arguments: Sequence[str]
    commands: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """The file with the output of the process."""
        return self.folder / "pytest.log"

    @property
    def report(self) -> Path:
        """The file with the records of the process, for `ReportFile`."""
        return self.folder / "report.jsonl"

    @property
    def command(self) -> tuple[str, ...]:
        """The command line. The tests run one after the other, in one process."""
        options = fixed_options(
            topology=self.topology, results=self.folder, report=self.report, commands=self.commands
        )
        own = ("--chaos-progress=off", "-p", "no:cacheprovider", *in_one_process())
        return pytest_command("-q", *options, *own, *self.arguments)

    def failure(self, code: int) -> Problem:
        """The Problem for a process that could not run the tests, with the end of its output."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return Problem(
            reason=PYTEST_FAILED(exit_code=code), where=str(self.folder), lines=tuple(lines[-15:])
        )


@asynccontextmanager
async def running(job: PytestJob) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start the job, and give its process to the block.

    If the block ends before the process, the process is interrupted and waited for.
    """
    with suppress(FileExistsError):
        make_folder(job.folder)
    with os.fdopen(open_file(job.log), "wb") as output:
        process = await asyncio.create_subprocess_exec(
            *job.command,
            cwd=job.topology.parent,
            env={**pytest_env(), **job.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Interrupt the process group, then terminate it, then kill it, until its process has ended."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await process.wait()

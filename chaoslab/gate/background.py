"""Pytest processes beside each other, each with a log and a report of its own; nobody watches."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from chaoslab.gate.choice import has_xdist
from chaoslab.history.files import make_folder, open_file
from chaoslab.machine.environment import environment

GRACE_S = 15.0  # what an interrupted scenario needs to heal and to take its servers down


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """One pytest: `arguments` choose what it runs, `folder` keeps what it leaves.

    `commands` are other builds of apps, as for `--chaos-command`.
    """

    topology: Path
    folder: Path
    arguments: Sequence[str]
    commands: Sequence[str] = ()

    @property
    def log(self) -> Path:
        """All that it printed."""
        return self.folder / "pytest.log"

    @property
    def report(self) -> Path:
        """What it reported, for `ReportFile`."""
        return self.folder / "report.jsonl"

    @property
    def last_words(self) -> str:
        """The end of what it printed."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n  ".join(lines[-15:])


@asynccontextmanager
async def running(job: Background) -> AsyncIterator[asyncio.subprocess.Process]:
    """The job's process; interrupted, and waited for, where the block ends before it does."""
    with suppress(FileExistsError):
        make_folder(job.folder)
    env = environment()
    env.pop("PYTEST_ADDOPTS", None)
    with os.fdopen(open_file(job.log), "wb") as output:
        process = await asyncio.create_subprocess_exec(
            *_words(job),
            cwd=job.topology.parent,
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


def _words(job: Background) -> tuple[str, ...]:
    options = {
        "--chaos-topology": job.topology,
        "--chaos-results": job.folder,
        "--chaos-report": job.report,
        "--chaos-progress": "off",
    }
    each = [f"{name}={value}" for name, value in options.items()]
    each += [f"--chaos-command={command}" for command in job.commands]
    # nothing but these words decides what is run, and one after the other
    each += ["--maxfail=0", "-k", "", "-p", "no:cacheprovider"]
    each += ["-n", "0"] if has_xdist() else []
    return (sys.executable, "-m", "pytest", "-q", *each, *job.arguments)


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

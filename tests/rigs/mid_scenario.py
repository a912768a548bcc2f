"""A pytest in the middle of a scenario: a fault is in force, and its app is degraded."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

from .projects import Project


def until(condition: Callable[[], object], limit_s: float, what: str) -> None:
    """Return once it holds; fail after the limit."""
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, f"not within {limit_s} s: {what}"
        time.sleep(0.02)


def alive(processes: Iterable[psutil.Process]) -> list[str]:
    """The commands of those that still run."""
    commands = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it ended, or nobody has waited for it yet
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                commands.append(" ".join(process.cmdline()))
    return commands


@contextmanager
def killed_at_the_end(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive the block."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class MidScenario:
    """The process and the history that it has written so far."""

    def __init__(
        self, project: Project, process: subprocess.Popen[str], *, within_s: float
    ) -> None:
        self.project, self.process = project, process
        until(self._is_degraded, within_s, "a degraded app")

    def _is_degraded(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()[0]
        return {"fault_in_force", "health_turned"} <= set(self.kinds())

    def history(self) -> list[dict[str, object]]:
        """The events of its runs, in order; a line that is not complete yet is left out."""
        lines = [
            line
            for path in self.project.folder.glob("results/*/*/history.jsonl")
            for line in path.read_text().splitlines(keepends=True)
        ]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def kinds(self) -> list[object]:
        """The kinds of its events so far, in order."""
        return [event["kind"] for event in self.history()]

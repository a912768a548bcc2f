"""How a run ends too early: Ctrl-C heals and keeps the history, SIGKILL leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from .project import LONG, Project

LIMIT_S = 5.0  # what the project promises after a SIGKILL
PATIENCE_S = 20.0


def until(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    """Return once it holds; fail after the limit."""
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, f"not within {limit_s} s: {what}"
        time.sleep(0.02)


class MidScenario:
    """A pytest in the middle of a scenario: the fault in force, the app degraded."""

    def __init__(self, project: Project, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.project = project
        until(self.is_degraded, PATIENCE_S, "a degraded app")
        self.family = psutil.Process(process.pid).children(recursive=True)

    def is_degraded(self) -> bool:
        return {"fault_in_force", "health_turned"} <= {event["kind"] for event in self.history()}

    def history(self) -> list[dict[str, object]]:
        lines = [
            line
            for path in self.project.folder.glob("results/*/*/history.jsonl")
            for line in path.read_text().splitlines(keepends=True)
        ]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def folders(self) -> list[Path]:
        """What the lab has of its own outside the results."""
        places = (Path("/dev/shm"), Path(tempfile.gettempdir()))
        return [f for place in places for f in place.glob(f"chaoslab-{self.process.pid}-*")]

    def alive(self) -> list[str]:
        """Those of its processes that still run."""
        return [
            " ".join(process.cmdline())
            for process in self.family
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]


@contextmanager
def mid_scenario(folder: Path) -> Iterator[MidScenario]:
    project = Project(folder, LONG)
    process = project.start("-q", "--chaos-progress=on")
    try:
        yield MidScenario(project, process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_ctrl_c_heals_stops_everything_and_keeps_the_history(tmp_path: Path, times: int) -> None:
    """pytest's exit 2; the history has the heal and its own end, with the reason."""
    with mid_scenario(tmp_path) as running:
        # an app, a Redis, an engine and a watchdog at the least
        assert len(running.family) >= 4
        assert running.folders()
        for _ in range(times):
            running.process.send_signal(signal.SIGINT)
            time.sleep(0.05)  # as fast as fingers are
        said, _ = running.process.communicate(timeout=PATIENCE_S)
        until(lambda: not running.alive(), LIMIT_S, str(running.alive()))
        until(lambda: not running.folders(), LIMIT_S, str(running.folders()))
        assert running.process.returncode == 2, said
        assert "KeyboardInterrupt" in said
        if times == 1:
            history = running.history()
            kinds = [event["kind"] for event in history]
            assert kinds.index("fault_healing") < kinds.index("fault_healed")
            assert {"exited", "fault_healed"} <= set(kinds)
            assert (history[-1]["kind"], history[-1]["settled"]) == ("run_ended", False)
            assert "interrupted" in str(history[-1]["why"])


def test_after_a_sigkill_no_process_and_no_folder_is_left(tmp_path: Path) -> None:
    """Within five seconds; and what was written down until then can be read."""
    with mid_scenario(tmp_path) as running:
        assert len(running.family) >= 4
        running.process.kill()
        killed_s = time.monotonic()
        until(lambda: not running.alive(), LIMIT_S, "no process of it left")
        until(lambda: not running.folders(), LIMIT_S, "the lab's folder gone")
        assert time.monotonic() - killed_s < LIMIT_S
        kinds = [event["kind"] for event in running.history()]
        assert "fault_in_force" in kinds
        assert "run_ended" not in kinds

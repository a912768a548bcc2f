"""How a run ends too early: Ctrl-C heals and keeps the history, SIGKILL leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from rigs import mid_scenario as mid_scenarios
from rigs.mid_scenario import killed_at_the_end, until

from .project import LONG, Project

LIMIT_S = 5.0  # what the project promises after a SIGKILL
PATIENCE_S = 20.0
STUBBORN = """
import time
from pathlib import Path
from chaoslab.plan import Step
async def ignores():
    Path("began").touch()
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
async def test_stubborn(chaos):
    await chaos.run(
        Severed(target="good.redis", stop=when.degraded(50)),
        boots=[Boot(app="good")],
        steps=[Step(name="s", at=when.degraded(), do=ignores, timeout_s=300)],
        expect=[expect.Starts(app="good", mode="degraded"), expect.Recovers(app="good")],
        limit_s=60,
    )
"""


class MidScenario(mid_scenarios.MidScenario):
    """The same, with the processes and the folders that it has made."""

    def __init__(self, project: Project, process: subprocess.Popen[str]) -> None:
        super().__init__(project, process, within_s=PATIENCE_S)
        self.family = psutil.Process(process.pid).children(recursive=True)

    def folders(self, pid: int | None = None) -> list[Path]:
        """What the lab of that process has of its own outside the results."""
        places = (Path("/dev/shm"), Path(tempfile.gettempdir()))
        name = f"chaoslab-{pid or self.process.pid}-*"
        return [f for place in places for f in place.glob(name)]

    def alive(self) -> list[str]:
        """Those of its processes that still run."""
        return mid_scenarios.alive(self.family)


@contextmanager
def mid_scenario(folder: Path, scenarios: str = LONG) -> Iterator[MidScenario]:
    project = Project(folder, scenarios)
    with killed_at_the_end(project.start("pytest", "-q", "--chaos-progress=on")) as process:
        yield MidScenario(project, process)


def interrupt_at_once(running: MidScenario) -> None:
    """Nothing has been healed yet."""
    running.process.send_signal(signal.SIGINT)


def interrupt_the_heal(running: MidScenario) -> None:
    """The lab has begun to heal."""
    until(lambda: "fault_healing" in running.kinds(), PATIENCE_S, "a heal")
    running.process.send_signal(signal.SIGINT)


def interrupt_the_report(running: MidScenario) -> None:
    """The lab is down, and pytest writes its report."""
    until(lambda: "run_ended" in running.kinds(), PATIENCE_S, "the run's end")
    running.process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    "again",
    [None, interrupt_at_once, interrupt_the_heal, interrupt_the_report],
    ids=["once", "twice at once", "twice in the heal", "twice in the report"],
)
def test_ctrl_c_heals_stops_everything_and_keeps_the_history(
    tmp_path: Path, again: Callable[[MidScenario], None] | None
) -> None:
    """pytest's exit 2; the history has the heal and its own end; a second Ctrl-C breaks nothing."""
    with mid_scenario(tmp_path) as running:
        # an app, a Redis, an engine and a watchdog at the least
        assert len(running.family) >= 4
        assert running.folders()
        running.process.send_signal(signal.SIGINT)
        if again is not None:
            again(running)
        said, _ = running.process.communicate(timeout=PATIENCE_S)
        until(lambda: not running.alive(), LIMIT_S, str(running.alive()))
        until(lambda: not running.folders(), LIMIT_S, str(running.folders()))
        assert running.process.returncode == 2, said
        assert "KeyboardInterrupt" in said
        assert "healing and stopping" in said
        history, kinds = running.history(), running.kinds()
        assert kinds.index("fault_healing") < kinds.index("fault_healed")
        assert {"exited", "fault_healed"} <= set(kinds)
        assert (history[-1]["kind"], history[-1]["settled"]) == ("run_ended", False)
        assert "interrupted" in str(history[-1]["why"])


def test_a_third_ctrl_c_ends_pytest_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    """The watchdog does what the lab has no time for."""
    with mid_scenario(tmp_path) as running:
        interrupt_three_times(running)
        running.process.communicate(timeout=PATIENCE_S)
        until(lambda: not running.alive(), LIMIT_S, "no process of it left")
        until(lambda: not running.folders(), LIMIT_S, "the lab's folder gone")
        assert running.process.returncode != 0


def test_a_third_ctrl_c_ends_pytest_though_the_scenario_catches_it(
    tmp_path: Path,
) -> None:
    """A step of the scenario never ends, and blocks the loop. The process has 2 s to end itself."""
    with mid_scenario(tmp_path, STUBBORN) as running:
        until((tmp_path / "began").exists, PATIENCE_S, "the step")
        interrupt_three_times(running)
        running.process.communicate(timeout=PATIENCE_S)
        until(lambda: not running.alive(), LIMIT_S, "no process of it left")
        until(lambda: not running.folders(), LIMIT_S, "the lab's folder gone")
        assert running.process.returncode != 0


def interrupt_three_times(running: MidScenario) -> None:
    for _ in range(3):
        running.process.send_signal(signal.SIGINT)
        # Equal signals that wait are one: each must have been taken before the next.
        until(lambda: not pending(running.process.pid), PATIENCE_S, "the signal taken")


def pending(pid: int) -> bool:
    """Whether a SIGINT waits to be delivered to a process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it is gone
        return False
    masks = [int(line.split()[1], 16) for line in status.splitlines() if "Pnd:" in line]
    return any(mask >> (signal.SIGINT - 1) & 1 for mask in masks)


def test_after_a_sigkill_no_process_and_no_folder_is_left(tmp_path: Path) -> None:
    """Within five seconds; and what was written down until then can be read."""
    with mid_scenario(tmp_path) as running:
        assert len(running.family) >= 4
        running.process.kill()
        killed_s = time.monotonic()
        until(lambda: not running.alive(), LIMIT_S, "no process of it left")
        until(lambda: not running.folders(), LIMIT_S, "the lab's folder gone")
        assert time.monotonic() - killed_s < LIMIT_S
        assert "fault_in_force" in running.kinds()
        assert "run_ended" not in running.kinds()


def test_a_worker_whose_controller_is_gone_ends_its_lab_within_a_second(tmp_path: Path) -> None:
    """Under -n: the worker, the app, the servers, the engine and the watchdog, and the folder.

    A second is the aim: the worker has 0.3 s to end its lab in order, then the watchdog takes it
    away. The bound leaves four more to the worker's own end and to a machine that runs other work
    (3.2 s was measured there). It was 9 s.
    """
    project = Project(tmp_path, LONG)
    with killed_at_the_end(project.start("pytest", "-q", "-n", "1")) as process:
        running = MidScenario(project, process)
        workers = [p.pid for p in running.family if p.ppid() == process.pid]
        folders = [f for pid in workers for f in running.folders(pid)]
        assert len(running.family) >= 5
        assert folders
        process.kill()
        killed_s = time.monotonic()
        until(lambda: not running.alive(), PATIENCE_S, "no process of it left")
        until(lambda: not any(f.exists() for f in folders), PATIENCE_S, "the lab's folder gone")
        assert time.monotonic() - killed_s < 5.0

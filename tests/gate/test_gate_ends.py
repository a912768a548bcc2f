"""`chaoslab gate` and its pytest: interrupted, killed, or ended by themselves."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest
from rigs.mid_scenario import alive
from rigs.projects import CHAOSLAB

from .checked import PASSES, PATIENCE_S, checked, scenarios
from .project import Project, stage

pytestmark = pytest.mark.slow  # each test starts a gate, and that its pytests


def test_a_pytest_that_dies_is_an_abort(tmp_path: Path) -> None:
    """What it had not reached is not run, and nothing of it passes."""
    dies = "@pytest.mark.one\ndef test_zz(): os.kill(os.getpid(), signal.SIGKILL)\n"
    project = Project(tmp_path, PASSES + dies, stage("s", "one", 0.5))
    code, said = project.gate()
    assert code == 4, said
    assert "pytest was killed by signal 9" in said
    assert scenarios(checked(project))["tiny::zz"]["outcome"] == "not run"


def test_an_early_end_of_pytest_is_not_a_pass(tmp_path: Path) -> None:
    """`pytest.exit` ends a session with an exit code of the test's choice, 0 too."""
    stops = "@pytest.mark.one\ndef test_zz(): pytest.exit('enough', returncode=0)\n"
    project = Project(tmp_path, PASSES + stops, stage("s", "one", 0.5))
    assert project.gate()[0] == 3
    assert scenarios(checked(project))["tiny::zz"]["outcome"] == "not run"


BEGINS_WITHIN_S = 120.0  # a gate starts slowly where other work runs beside it


def begun(project: Project, path: str = "begun") -> None:
    """Wait until a scenario reports that it runs."""
    end_s = time.monotonic() + BEGINS_WITHIN_S
    while not (project.folder / path).exists():
        assert time.monotonic() < end_s, "no scenario began"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGINT, []),
        (signal.SIGINT, ["--repeat", "3"]),
        (signal.SIGTERM, []),
        (signal.SIGHUP, []),
    ],
    ids=["Ctrl-C", "Ctrl-C-repeated", "SIGTERM", "SIGHUP"],
)
def test_an_interrupted_gate_reports_what_it_has_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals, words: list[str]
) -> None:
    """Exit 4; pytest ends as by Ctrl-C, so that scenarios heal and take their servers down."""
    hangs = (
        "@pytest.mark.two\ndef test_it():\n    Path('begun').touch()\n"
        "    try:\n        time.sleep(60)\n    finally:\n        Path('healed').touch()\n"
    )
    project = Project(tmp_path, PASSES + hangs, stage("first", "one") + stage("second", "two"))
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, if it runs pytest, ignores it
    with project.start(CHAOSLAB, "gate", *words) as process:
        signal.signal(signal.SIGHUP, hangup)
        begun(project)
        family = psutil.Process(process.pid).children(recursive=True)
        assert family
        process.send_signal(number)
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 4, said
    assert (project.folder / "healed").exists()
    assert alive(family) == []
    verdict = checked(project)
    assert verdict["decision"] == "aborted"
    assert scenarios(verdict)["tiny::passes"]["outcome"] == "PASS"
    assert scenarios(verdict, at=1)["tiny::it"]["outcome"] == "not run"


def test_a_gate_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    """Its pytest is interrupted by the kernel and heals what it has."""
    hangs = (
        "@pytest.mark.one\ndef test_it():\n    Path('begun').touch()\n"
        "    try:\n        time.sleep(60)\n    finally:\n        Path('healed').touch()\n"
    )
    project = Project(tmp_path, hangs, stage("first", "one"))
    with project.start(CHAOSLAB, "gate") as process:
        begun(project)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        psutil.wait_procs(family, timeout=PATIENCE_S)
    assert (project.folder / "healed").exists()
    assert alive(family) == []


def test_a_pytest_that_does_not_listen_is_ended_all_the_same(tmp_path: Path) -> None:
    """SIGTERM follows Ctrl-C; a gate never waits for ever."""
    deaf = (
        "@pytest.mark.one\ndef test_a(saw): saw(starts='FAIL')\n"
        "@pytest.mark.one\ndef test_b():\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "    time.sleep(80)\n"
    )
    project = Project(tmp_path, deaf, stage("s", "one", more='abort_on = ["p1"]'))
    code, said = project.gate()
    assert code == 4, said

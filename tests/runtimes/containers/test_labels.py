"""Labels say whose a thing is, and only a lab that is surely dead is taken for dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from chaoslab.runtimes.containers import labels
from chaoslab.runtimes.containers.labels import labels_for, owner_lives


def test_the_labels_name_the_session_the_role_and_this_very_process() -> None:
    """All that a later command needs to find the owner again."""
    said = labels_for("s-1", "postgres")
    assert said["org.chaoslab"] == "postgres"
    assert said["org.chaoslab.session"] == "s-1"
    assert said["org.chaoslab.pid"] == str(os.getpid())
    with open("/proc/self/stat") as file:
        assert said["org.chaoslab.started"] == file.read().rpartition(")")[2].split()[19]


def test_a_lab_that_runs_is_alive_and_one_that_ended_is_dead() -> None:
    """The labels of another process, before and after its end, a zombie counting as ended."""
    code = (
        "import json; from chaoslab.runtimes.containers.labels import labels_for\n"
        "print(json.dumps(labels_for('s', 'app')), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert owner_lives(said) is True
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert owner_lives(said) is False
    assert owner_lives(said) is False


def test_another_process_under_the_same_number_is_not_the_owner() -> None:
    """Numbers are used again; the moment of the start tells them apart."""
    assert owner_lives(labels_for("s", "app") | {labels.STARTED: "1"}) is False


@pytest.mark.parametrize("said", [{labels.HOST: "elsewhere"}, {labels.PIDS: "pid:[1]"}])
def test_a_lab_on_another_host_or_in_another_container_is_neither(said: dict[str, str]) -> None:
    """Its processes cannot be seen from here, whatever number it has."""
    assert owner_lives(labels_for("s", "app") | {labels.PID: "999999999"} | said) is None


@pytest.mark.parametrize("pid", ["", "0", "-1", "one", "\uff11"])
def test_labels_that_make_no_sense_name_no_owner(pid: str) -> None:
    """Neither alive nor dead: such a thing is left alone."""
    assert owner_lives(labels_for("s", "app") | {labels.PID: pid}) is None
    assert owner_lives({}) is None


def test_without_proc_the_number_alone_decides() -> None:
    """Off Linux a process that exists is taken for the owner, and one that doesn't is gone."""
    unseen = labels_for("s", "app") | {labels.STARTED: ""}
    assert owner_lives(unseen) is True
    assert owner_lives(unseen | {labels.PID: "4194399"}) is False
    assert owner_lives(unseen | {labels.PID: "99999999999999999999"}) is False

"""Failures during a run: a clear message, the history kept, never a PASS, and nothing left."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from engine_here import needs_engine
from plugin.project import GOOD, LONG
from rigs.mid_scenario import until

from chaoslab.runtimes.containers.address import engine_address

from .forward import Forward
from .pod_project import (
    PATIENCE_S,
    MidScenario,
    containers_of,
    kill,
    made_by,
    mid_scenario,
    project,
    run,
    start,
)

GONE_WITHIN_S = 10.0  # what the project promises after a SIGKILL
SHORT = LONG.replace("when.degraded(50)", "when.degraded(3)").replace("limit_s=60", "limit_s=8")
EXITS = """
async def test_exits(chaos):
    await chaos.run(
        boots=[Boot(app="exits")],
        expect=[expect.Starts(app="exits", mode="normal", rests_on=())],
    )
"""


@pytest.fixture(autouse=True)
def _engine() -> None:
    needs_engine()


def kinds(running: MidScenario) -> list[object]:
    return [event["kind"] for event in running.history()]


def nothing_is_left_of(pid: int) -> None:
    """Containers, networks and volumes, by their labels."""
    until(lambda: not made_by(pid), GONE_WITHIN_S, f"still there: {made_by(pid)}")


def test_without_an_engine_nothing_runs_and_the_fix_is_printed(tmp_path: Path) -> None:
    """A usage error before the first scenario, not a failure of each."""
    code, said = run(project(tmp_path, GOOD), DOCKER_HOST="unix:///no/such/docker.sock")
    assert code == pytest.ExitCode.USAGE_ERROR, said
    assert "/no/such/docker.sock not found" in said
    assert "--chaos-runtime=local" in said
    assert "Traceback" not in said
    assert not (tmp_path / "results").exists()


def test_an_app_whose_container_exits_at_once_is_judged_by_its_exit(tmp_path: Path) -> None:
    """Data, not an error of the lab: the verdict has its exit code and its last lines."""
    given = project(tmp_path, EXITS, kind="exits")
    code, said = run(given)
    assert code == pytest.ExitCode.TESTS_FAILED, said
    assert "cannot find my configuration" in said
    assert "exit" in said
    assert "Traceback" not in said
    (run_folder,) = given.runs
    assert any(run_folder.glob("*/history.jsonl"))


def test_ctrl_c_during_a_scenario_heals_and_removes_everything(tmp_path: Path) -> None:
    """pytest's exit 2; the history has the heal, the app's exit and its own end."""
    with mid_scenario(tmp_path) as running:
        pid = running.process.pid
        made = {thing.kind for thing in made_by(pid)}
        assert {"container", "network"} <= made
        running.process.send_signal(signal.SIGINT)
        said = running.ended()
        assert running.process.returncode == pytest.ExitCode.INTERRUPTED, said
        assert "never retrieved" not in said
        nothing_is_left_of(pid)
        seen = kinds(running)
        assert seen.index("fault_healing") < seen.index("fault_healed")
        assert {"exited", "run_ended"} <= set(seen)


def test_after_a_sigkill_in_mid_scenario_everything_is_gone(tmp_path: Path) -> None:
    """Within ten seconds, by the switch; what was written down until then can be read."""
    with mid_scenario(tmp_path) as running:
        pid = running.process.pid
        assert made_by(pid)
        running.process.kill()
        nothing_is_left_of(pid)
        seen = kinds(running)
        assert "fault_in_force" in seen
        assert "run_ended" not in seen


# What the run ends with: the part by its name, and what ended it.
DIED = {
    "toxiproxy": "the Toxiproxy server: it ended by SIGKILL",
    "pod": "the agent .*: it ended by SIGKILL",
    "gateway": "the agent .*: it ended by SIGKILL",
}


@pytest.mark.parametrize("role", list(DIED))
def test_a_part_of_the_lab_that_dies_during_a_scenario_is_never_a_pass(
    tmp_path: Path, role: str
) -> None:
    """A failure of the lab that names it, whatever the app did; the rest is removed as ever."""
    with mid_scenario(tmp_path, SHORT) as running:
        pid = running.process.pid
        for container in containers_of(pid, role):
            kill(container)
        said = running.ended()
        assert running.process.returncode == pytest.ExitCode.TESTS_FAILED, said
        assert re.search(DIED[role], said), said
        assert "INTERNALERROR" not in said
        assert "Traceback" not in said
        nothing_is_left_of(pid)
        assert kinds(running)[-1] == "run_ended"


@pytest.fixture
def forward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forward]:
    """The engine behind a socket of our own, which can be cut."""
    path = engine_address().socket_path
    if not path:
        pytest.skip("needs an engine at a socket of this machine")
    # A short path: the kernel takes no more than 107 bytes.
    with Forward(tmp_path_factory.mktemp("s") / "d.sock", Path(path)) as made:
        yield made


def test_an_engine_that_stops_during_a_scenario_is_reported_and_cleaned_later(
    tmp_path: Path, forward: Forward
) -> None:
    """No traceback, the history kept; the switch goes on trying, so nothing stays behind."""
    with mid_scenario(tmp_path, SHORT, DOCKER_HOST=f"unix://{forward.path}") as running:
        pid = running.process.pid
        forward.cut()
        try:
            said = running.ended()
            assert running.process.returncode not in (0, None), said
            assert "Traceback" not in said, said
            assert "INTERNALERROR" not in said
            assert "Docker engine" in said, said
            assert "chaoslab clean" in said
            assert {"fault_in_force", "fault_missed"} <= set(kinds(running))
            assert kinds(running)[-1] == "run_ended"
            assert made_by(pid), "they are still there, since nobody can reach them"
        finally:
            forward.fix()
            # The switch pauses longer and longer between its tries, a minute in all.
            until(lambda: not made_by(pid), 30.0, f"still there: {made_by(pid)}")


def test_two_workers_have_a_stack_each(tmp_path: Path) -> None:
    """Under xdist both pass at the same time, and nothing is left of either."""
    cut = GOOD.replace("MODE", "refused")
    given = project(tmp_path, cut + cut.replace("test_good", "test_too"))
    with start(given, "-n", "2") as process:
        try:
            family = psutil.Process(process.pid)

            def workers() -> list[int]:
                pids = [child.pid for child in family.children(recursive=True)]
                return [pid for pid in pids if containers_of(pid, "toxiproxy")]

            until(lambda: len(workers()) == 2, PATIENCE_S, "a Toxiproxy of each worker")
            both = workers()
            said, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert "2 passed" in said
    for pid in both:
        nothing_is_left_of(pid)

"""The options of the plugin, its checks before a run, and its cost in other projects."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rigs import projects

from .project import GOOD, Project

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pandas", "numpy", "httpx", "pydantic", "requests", "psycopg", "toxiproxy", "jinja2"}
NOTHING = "def test_nothing(): pass\n"


def test_importing_the_plugin_stays_light() -> None:
    """Every pytest session of every project that has chaoslab installed pays for it."""
    code = (
        "import sys, pytest, asyncio; before = set(sys.modules)\n"
        "import chaoslab.pytest_plugin\n"
        "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    new = set(json.loads(said.stdout))
    assert "chaoslab.pytest_plugin" in new
    assert not HEAVY & {name.partition(".")[0] for name in new}
    rooms = {name for name in new if name.startswith(("chaoslab.lab", "chaoslab.runtimes"))}
    assert rooms <= {"chaoslab.runtimes", "chaoslab.runtimes.table"}
    assert len(new) < 40


def test_a_session_without_scenarios_needs_no_topology_and_leaves_nothing(tmp_path: Path) -> None:
    """A project that merely has chaoslab installed is not touched."""
    project = Project(tmp_path, NOTHING, topology_text="name = [")
    code, said = project.pytest("-q")
    assert code == 0, said
    assert "chaoslab" not in said
    assert project.runs == []


def test_a_typo_in_the_topology_is_a_usage_error_with_its_fix(tmp_path: Path) -> None:
    """Exit 4, what is wrong, what was meant; no traceback."""
    wrong = '[services.redis]\nkind = "redis"\n[apps.good]\ncommand = ["x"]\nlinks = ["rediss"]\n'
    code, said = Project(tmp_path, GOOD, topology_text=wrong).pytest("-q")
    assert code == 4, said
    assert "unknown service 'rediss'" in said
    assert "did you mean 'redis'?" in said
    assert "Traceback" not in said


def test_a_topology_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """Found nowhere, or named and absent."""
    project = Project(tmp_path, GOOD)
    (tmp_path / "chaoslab.toml").unlink()
    for words in ([], ["--chaos-topology", "nowhere.toml"]):
        code, said = project.pytest("-q", *words)
        assert code == 4, said
        assert ("nowhere.toml" if words else "chaoslab.toml") in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    "words", [["--chaos-proxy=toxyproxy"], ["--chaos-seed=seven"], ["--chaos-seed"]]
)
def test_a_bad_option_is_a_usage_error(tmp_path: Path, words: list[str]) -> None:
    """pytest's own, with what is allowed."""
    code, said = Project(tmp_path, NOTHING).pytest(*words)
    assert code == 4, said
    assert words[0].partition("=")[0] in said
    assert "Traceback" not in said


def test_a_strangers_project_gets_no_markers_of_the_plugin(tmp_path: Path) -> None:
    """The markers of the shipped scenarios are registered where these scenarios are."""
    project = Project(tmp_path, NOTHING)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    code, said = project.pytest("--markers")
    assert code == 0, said
    assert said == project.pytest("--markers", "-p", "no:chaoslab")[1]
    assert "vpc_outage" not in said


def test_the_lag_limit_is_saved_with_the_plan(tmp_path: Path) -> None:
    """So that `chaoslab analyze` judges by the same value."""
    project = Project(tmp_path, GOOD.replace("MODE", "refused", 1))
    code, said = project.pytest("-q", "--chaos-plan-only", "--chaos-max-lag-s=0.125")
    assert code == 0, said
    (plan,) = project.folder.glob("results/*/*/plan.json")
    assert json.loads(plan.read_text())["max_lag_s"] == 0.125


def test_an_unregistered_marker_is_still_refused(tmp_path: Path) -> None:
    """The plugin does not loosen what a project asked for."""
    scenario = "@pytest.mark.vpc_outrage\ndef test_it(): pass\n"
    code, said = Project(tmp_path, scenario).pytest("-q")
    assert code != 0
    assert "'vpc_outrage' not found in `markers`" in said


def test_the_shipped_scenarios_are_collected_strictly_and_enough_of_them() -> None:
    """At least fourteen of the incident's own, each with one of the registered markers."""
    words = ["scenarios", "--collect-only", "-q", "--strict-markers", "-p", "no:cacheprovider"]
    counts = []
    for chosen in ([], ["-m", "vpc_outage"]):
        code, printed = projects.Project(ROOT).pytest(*words, *chosen)
        assert code == 0, printed
        counts.append(sum("::" in line for line in printed.splitlines()))
    assert counts[1] >= 14
    assert counts[0] > counts[1]


def test_a_results_folder_that_cannot_be_written_is_one_error_before_anything_runs(
    tmp_path: Path,
) -> None:
    """A usage error that names the folder, not one failure for each scenario."""
    project = Project(tmp_path, GOOD + GOOD.replace("test_good", "test_good_too"))
    code, said = project.pytest("-q", "--chaos-results=/dev/null/results")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert said.count("/dev/null/results") == 1
    assert "cannot be written: Not a directory" in said
    assert "Traceback" not in said


def test_a_session_that_runs_no_scenario_leaves_no_run(tmp_path: Path) -> None:
    """Its folder was tried, and is gone again."""
    project = Project(tmp_path, GOOD.replace("async def", "@pytest.mark.skip\nasync def"))
    code, said = project.pytest("-q")
    assert (code, "1 skipped" in said) == (0, True)
    assert project.runs == []

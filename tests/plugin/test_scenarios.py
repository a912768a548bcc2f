"""Scenarios of a stranger's project, run to their verdicts by the plugin on a real Redis."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from .project import BAD, GOOD, Project

NO_TRACEBACK = ("Traceback", "During handling of the above exception")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of one pytest for all the bad apps."""
    code, said = Project(tmp_path_factory.mktemp("bad"), BAD).pytest(
        "--chaos-progress=off", COLUMNS="200"
    )
    assert code == 1
    return said


def section(said: str, app: str) -> str:
    """The part of the output about one app."""
    found = re.search(rf"_+ test_starts\[{app}\] _+\n(.*?)\n(_{{9,}}|={{9,}})", said, re.DOTALL)
    assert found, said
    return found.group(1)


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("exits", ["exited with 1", "cannot find my configuration"]),
        ("deaf", ["alive, but never listened", "deaf has begun"]),
        ("silent", ["listened on port", "never answered health", "silent has begun"]),
        ("html", ["text/html", "expected a JSON object", "html has begun"]),
        ("healthless", ["404", "never complete", "healthless has begun"]),
        ("missing", ["cannot execute '/no/such/program'", "check the name"]),
    ],
)
def test_a_bad_app_gets_a_clear_verdict_and_its_last_words(
    bad: str, app: str, words: list[str]
) -> None:
    """What was seen from outside, and the log's last lines; never a traceback."""
    mine = section(bad, app)
    for word in words:
        assert word in mine
    for word in NO_TRACEBACK:
        assert word not in mine


def test_the_summary_line_of_a_failed_test_has_its_first_reason(bad: str) -> None:
    """Not the outcome alone; what an app printed to steer a terminal is spelt out."""
    assert re.search(r"FAILED \S+\[exits\] - Failed: FAIL starts: exited with 1 ", bad)
    assert "\\x1b[31mcannot find my configuration" in section(bad, "exits")
    assert "\x1b" not in bad


def test_each_run_of_a_bad_app_keeps_its_history(bad: str) -> None:
    """The text names the file; it ends with the run's end."""
    assert len(set(re.findall(r"history: results/\S+/history\.jsonl", bad))) == 5


def test_an_unknown_link_is_a_clear_failure_before_anything_runs(tmp_path: Path) -> None:
    """With what there is, and what was probably meant."""
    scenario = """
async def test_typo(chaos):
    await chaos.run(Severed(target="good.rediss"), expect=[expect.Starts(app="good")])
"""
    project = Project(tmp_path, scenario)
    code, said = project.pytest("-q")
    assert code == 1
    assert "unknown target 'good.rediss'" in said
    assert "did you mean 'good.redis'?" in said
    for word in NO_TRACEBACK:
        assert word not in said
    assert project.runs == []


def test_a_scenario_says_how_its_outage_ends(tmp_path: Path) -> None:
    """The app had opened a connection when the heal left it dead, and recovers on a new one."""
    ends = 'mode="silent", at_heal="dead"'
    project = Project(tmp_path, GOOD.replace('mode="MODE"', ends))
    code, said = project.pytest("-q", "--chaos-proxy=embedded")
    assert code == 0, said
    (run,) = project.runs
    (plan,) = run.glob("*/plan.json")
    assert json.loads(plan.read_text())["faults"][0]["at_heal"] == "dead"
    (history,) = run.glob("*/history.jsonl")
    assert '"kind":"link_left_dead"' in history.read_text()


def test_each_plan_of_a_test_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Two histories in one file would have two clocks."""
    scenario = """
async def test_two_plans(chaos):
    for _ in range(2):
        await chaos.run(expect=[expect.Starts(app="good", mode="normal")])
"""
    project = Project(tmp_path, scenario)
    code, said = project.pytest("-q")
    assert code == 0, said
    (run,) = project.runs
    folders = sorted(path.name for path in run.iterdir() if path.is_dir())
    assert folders == ["tiny-two_plans", "tiny-two_plans-2"]
    assert all((run / name / "verdicts.json").is_file() for name in folders)


def test_a_scenario_passes_shows_its_table_and_saves_its_run(tmp_path: Path) -> None:
    """With the seed that was asked for, in a folder that can be judged again."""
    project = Project(tmp_path, GOOD.replace("MODE", "dropped"))
    code, said = project.pytest("-m", "vpc_outage", "--chaos-seed=42", "--junitxml=junit.xml")
    assert code == 0, said
    (run,) = project.runs
    properties = {
        each.get("name"): each.get("value")
        for each in xml.parse(tmp_path / "junit.xml").iter("property")
    }
    assert properties["verdict.recovers"] == "PASS"
    assert "fault." in str(properties["verdict.recovers.codes"])
    assert "1 passed" in said
    assert "tiny-good" in said
    assert f"seed 42; saved in results/{run.name}" in said
    (scenario,) = (path for path in run.iterdir() if path.is_dir())
    kept = {path.name for path in scenario.iterdir()}
    assert {"topology.json", "plan.json", "run.json", "history.jsonl", "verdicts.json"} <= kept
    info = json.loads((scenario / "run.json").read_text())
    assert (info["seed"], info["proxy"], info["runtime"]) == (42, "embedded", "loopback")
    last = json.loads((scenario / "history.jsonl").read_text().splitlines()[-1])
    assert (last["kind"], last["settled"]) == ("run_ended", True)


def test_two_workers_write_one_run_with_one_seed(tmp_path: Path) -> None:
    """The controller decides both; the table at the end shows all of it."""
    twice = GOOD.replace("MODE", "dropped")
    project = Project(tmp_path, twice + twice.replace("test_good", "test_also_good"))
    code, said = project.pytest("-n", "2")
    assert code == 0, said
    (run,) = project.runs
    infos = [json.loads(path.read_text()) for path in run.glob("*/run.json")]
    assert sorted(info["scenario"] for info in infos) == ["tiny-also_good", "tiny-good"]
    (seed,) = {info["seed"] for info in infos}
    assert f"seed {seed}; saved in" in said
    assert run.name.endswith(f"-{seed:08x}")


def test_what_a_real_toxiproxy_cannot_make_is_skipped_with_its_reason(tmp_path: Path) -> None:
    """It is not replaced by another fault: nothing ran, and no folder is left."""
    if shutil.which("toxiproxy-server") is None:
        pytest.skip("no toxiproxy-server on PATH")
    project = Project(tmp_path, GOOD.replace("MODE", "dropped"))
    code, said = project.pytest("-rs", "--chaos-proxy=toxiproxy")
    assert code == 0, said
    assert "1 skipped" in said
    assert "fault not supported here: toxiproxy has no connect modes: no dropped connects" in said
    assert [path for run in project.runs for path in run.glob("*/history.jsonl")] == []


def test_without_a_toxiproxy_on_the_path_the_run_fails_with_the_fix(tmp_path: Path) -> None:
    """A gate that asked for it must not pass without it."""
    project = Project(tmp_path, GOOD.replace("MODE", "refused"))
    code, said = project.pytest("-q", "--chaos-proxy=toxiproxy", PATH=str(tmp_path))
    assert code == 1
    assert "toxiproxy-server is not on PATH" in said
    for word in NO_TRACEBACK:
        assert word not in said


def test_a_policy_that_the_topology_does_not_declare_fails_with_the_fix(tmp_path: Path) -> None:
    """Before anything is started, and without a traceback."""
    scenario = """
def test_policy(chaos):
    chaos.policy("redis", "running", app="good")
"""
    code, said = Project(tmp_path, scenario).pytest("--chaos-progress=off", COLUMNS="200")
    assert code == 1
    assert "[apps.good.policies] has no policy for redis, running" in said
    assert 'running = "degrade"' in said
    for word in NO_TRACEBACK:
        assert word not in said

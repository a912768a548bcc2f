"""`chaoslab gate`: what is asked of it on the command line and in the topology."""

from __future__ import annotations

from pathlib import Path

import pytest

from .checked import FAILS, PASSES, checked, scenarios
from .project import Project, stage

pytestmark = pytest.mark.slow  # each test starts a gate, and that its pytests


HIDES = """
def pytest_collection_modifyitems(config, items):
    hidden = [item for item in items if item.name == "test_fails"]
    items[:] = [item for item in items if item not in hidden]
    config.hook.pytest_deselected(items=hidden)
"""


@pytest.mark.parametrize(
    ("scenarios", "gate", "problem"),
    [
        ("import nothing_of_the_kind\n" + PASSES, stage("s", "one"), "nothing_of_the_kind"),
        (PASSES, stage("s", "two"), "gate.stages[0].marker: 'two' selects no scenario in"),
        (PASSES, stage("s", "one") + stage("t", "oen"), "gate.stages[1].marker: unknown marker "
         "'oen'\n  expected a marker that `pytest --markers` lists; did you mean 'one'?"),
        ("pytest.skip('all of it', allow_module_level=True)\n", stage("s", "one"), "got skipped: "),
        (PASSES.replace("one", "onne"), stage("s", "one"), "'onne' not found in `markers`"),
    ],
    ids=["not collected", "selects nothing", "unknown marker", "all skipped", "strict markers"],
)  # fmt: skip
def test_what_cannot_be_run_as_asked_is_a_usage_error_before_anything_runs(
    tmp_path: Path, scenarios: str, gate: str, problem: str
) -> None:
    """Exit 2, never a pass; no folder is made."""
    code, said = Project(tmp_path, scenarios, gate).gate()
    assert code == 2, said
    assert problem in said
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--stage", "secnd"], "expected one of: first, second; did you mean 'second'?"),
        (["--command", "ap=x"], "--command: unknown app 'ap'"),
        (["--runtime", "cloud"], "'cloud' is not one of"),
        (["--repeat", "0"], "0 is not in the range"),
        (["nowhere.toml"], "nowhere.toml: no such file"),
    ],
)
def test_a_mistake_on_the_command_line_is_a_usage_error(
    tmp_path: Path, words: list[str], problem: str
) -> None:
    """Exit 2, with what there is."""
    code, said = Project(tmp_path, PASSES, stage("first", "one") + stage("second", "two")).gate(
        *words
    )
    assert code == 2, said
    assert problem in said


def test_a_topology_without_a_gate_is_a_mistake(tmp_path: Path) -> None:
    """Exit 2."""
    code, said = Project(tmp_path, PASSES, "", head="").gate()
    assert code == 2, said
    assert "has no gate" in said


def test_only_the_stages_that_are_named_run(tmp_path: Path) -> None:
    """In the gate's order."""
    project = Project(tmp_path, PASSES + FAILS, stage("first", "one") + stage("second", "two"))
    assert project.gate("--stage", "second")[0] == 1
    (only,) = checked(project)["rounds"][0]["stages"]
    assert only["name"] == "second"


def test_a_projects_own_options_leave_nothing_out(tmp_path: Path) -> None:
    """Neither `-x`, `-k` and `--lf` of its pytest.ini, nor those of the environment."""
    more = PASSES.replace("test_passes", "test_zero")
    project = Project(tmp_path, FAILS + PASSES + more, stage("s", "one or two", 0.6))
    ini = tmp_path / "pytest.ini"
    ini.write_text(ini.read_text().replace("addopts =", "addopts = -x --lf -k passes"))
    code, said = project.gate(PYTEST_ADDOPTS="-k zero")
    assert code == 0, said
    assert len(scenarios(checked(project))) == 3


@pytest.mark.parametrize("where", ["pytest.ini", "conftest.py"])
def test_deselected_scenarios_are_reported_before_anything_runs(tmp_path: Path, where: str) -> None:
    """The stage would pass without it, and nobody who reads the gate's file could see that."""
    project = Project(tmp_path, FAILS + PASSES, stage("s", "one or two"))
    if where == "pytest.ini":
        ini = tmp_path / where
        hidden = "--deselect scenarios/test_tiny.py::test_fails"
        ini.write_text(ini.read_text().replace("addopts =", f"addopts = {hidden}"))
    else:
        conftest = tmp_path / "scenarios" / where
        conftest.write_text(conftest.read_text() + HIDES)
    code, said = project.gate()
    assert code == 2, said
    assert (
        "scenarios/test_tiny.py::test_fails: is deselected by the project's own pytest options"
        in said
    )
    assert not (tmp_path / "results").exists()

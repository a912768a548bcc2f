"""`--chaos-report`: one line for each test's end, in time, whichever end that is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .project import GOOD, Project

ENDS = """
@pytest.fixture
def broken():
    raise RuntimeError("no such thing")

@pytest.fixture
def breaks_at_its_end():
    yield
    raise RuntimeError("left something behind")

def test_passes(): pass
@pytest.mark.parametrize("how", ["a", "b-c"])
def test_fails(how): assert how == "other", "as it must"
def test_skips(): pytest.skip("not here")
@pytest.mark.xfail(reason="known", strict=False)
def test_expected(): assert False
def test_setup(broken): pass
def test_teardown(breaks_at_its_end): pass
class TestInside:
    def test_deep(self): pass
"""
OUTCOMES = {
    "tiny::passes": "passed",
    "tiny::fails[a]": "failed",
    "tiny::fails[b-c]": "failed",
    "tiny::skips": "skipped",
    "tiny::expected": "skipped",
    "tiny::setup": "error",
    "tiny::teardown": "error",
    "tiny::TestInside::deep": "passed",
}


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("words", [[], ["-n", "2"]], ids=["one process", "xdist"])
def test_every_way_to_end_is_one_line_with_its_reason(tmp_path: Path, words: list[str]) -> None:
    """The same lines whether the tests run in this process or in xdist's workers."""
    project = Project(tmp_path, ENDS)
    (tmp_path / "test_other.py").write_text(
        "import pytest\npytest.skip('all', allow_module_level=True)"
    )
    code, _ = project.pytest("-q", "--chaos-report=report.jsonl", *words)
    assert code == 1
    told = records(tmp_path / "report.jsonl")
    finished = {str(each["scenario"]): each for each in told if each["kind"] == "finished"}
    assert {name: each["outcome"] for name, each in finished.items()} == {
        **OUTCOMES,
        "other": "skipped",
    }
    assert "as it must" in str(finished["tiny::fails[a]"]["reason"])
    assert finished["tiny::skips"]["reason"] == "not here"
    assert finished["other"]["reason"] == "all"
    assert finished["tiny::expected"]["reason"] == "expected to fail: known"
    assert "no such thing" in str(finished["tiny::setup"]["reason"])
    assert "left something behind" in str(finished["tiny::teardown"]["reason"])
    assert all(each["folder"] is None for each in finished.values())
    (selected,) = (each["nodeids"] for each in told if each["kind"] == "selected")
    assert isinstance(selected, list)
    assert len(selected) == len(OUTCOMES)


@pytest.mark.parametrize("words", [[], ["-n", "2"]], ids=["one process", "xdist"])
def test_what_cannot_be_collected_is_reported(tmp_path: Path, words: list[str]) -> None:
    """With pytest's own words, so that a follower need not read the terminal."""
    project = Project(tmp_path, "import nothing_of_the_kind\n")
    code, _ = project.pytest("-q", "--chaos-report=report.jsonl", *words)
    assert code != 0
    (told,) = records(tmp_path / "report.jsonl")
    assert (told["kind"], told["nodeid"]) == ("uncollected", "test_tiny.py")
    assert "nothing_of_the_kind" in str(told["reason"])


def test_a_worker_that_dies_is_an_error_of_its_test(tmp_path: Path) -> None:
    """xdist has no end of that test to tell; the test must not be lost."""
    project = Project(tmp_path, "import os\ndef test_dies(): os._exit(9)\n")
    code, _ = project.pytest("-q", "--chaos-report=report.jsonl", "-n", "1")
    assert code == 1
    (finished,) = (
        each for each in records(tmp_path / "report.jsonl") if each["kind"] == "finished"
    )
    assert finished["outcome"] == "error"
    assert "crashed while running" in str(finished["reason"])


def test_a_line_is_there_before_the_next_test_begins(tmp_path: Path) -> None:
    """Whoever follows the file can stop a session at once."""
    second = (
        "from pathlib import Path\n"
        "def test_first(): pass\n"
        "def test_second(): assert 'first' in Path('report.jsonl').read_text().split('\\n')[1]\n"
    )
    code, said = Project(tmp_path, second).pytest("-q", "--chaos-report=report.jsonl")
    assert code == 0, said


def test_a_report_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    """Before any test runs."""
    code, said = Project(tmp_path, "def test_it(): pass\n").pytest("--chaos-report=no/such/place")
    assert code == 4, said
    assert "--chaos-report no/such/place: No such file or directory" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("god=python x.py", "unknown app 'god'\n  expected one of: good, exits, deaf, silent, "
         "html, healthless, missing; did you mean 'good'?"),
        ("good", "--chaos-command: cannot read 'good'"),
        ("good=", "--chaos-command good: no command"),
        ("good='x", "--chaos-command good: cannot be split into words: No closing quotation"),
        ("good=x {redis.urll}", "unknown placeholder '{redis.urll}'"),
    ],
)  # fmt: skip
def test_another_build_that_cannot_be_meant_is_a_usage_error(
    tmp_path: Path, command: str, problem: str
) -> None:
    """With what there is, and what was probably meant."""
    code, said = Project(tmp_path, GOOD).pytest("-q", f"--chaos-command={command}")
    assert code == 4, said
    assert problem in said
    assert "Traceback" not in said


def test_another_build_runs_in_place_of_the_topologys(tmp_path: Path) -> None:
    """Its command is in the saved topology of the run, and its folder in the report."""
    project = Project(tmp_path, GOOD.replace("MODE", "dropped"))
    command = "good={python} -c 'raise SystemExit(5)' {port}"
    code, said = project.pytest(f"--chaos-command={command}", "--chaos-report=report.jsonl")
    assert code == 1, said
    assert "exited with 5" in said
    (finished,) = (
        each for each in records(tmp_path / "report.jsonl") if each["kind"] == "finished"
    )
    folder = Path(str(finished["folder"]))
    kept = json.loads((folder / "topology.json").read_text())
    assert kept["apps"]["good"]["command"] == ["{python}", "-c", "raise SystemExit(5)", "{port}"]
    assert json.loads((folder / "verdicts.json").read_text())[0]["outcome"] != "PASS"

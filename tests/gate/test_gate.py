"""`chaoslab gate`: each way to judge a release, with its exit code and its reasons."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from .checked import FAILS, PASSES, PATIENCE_S, checked, scenarios
from .project import Project, stage

pytestmark = pytest.mark.slow  # each test starts a gate, and that its pytests


def test_a_gate_whose_stages_pass_exits_with_0(tmp_path: Path) -> None:
    """Verdict, JUnit, summary and histories lie in one folder; the CI's summary gets the page."""
    two = PASSES.replace("test_passes", "test_also").replace(".one", ".two")
    project = Project(tmp_path, PASSES + two, stage("first", "one") + stage("second", "two", 0.5))
    page = tmp_path / "github.md"
    page.write_text("before\n")
    code, said = project.gate(GITHUB_STEP_SUMMARY=str(page))
    assert code == 0, said
    assert "stage 1 of 2: first (-m 'one'), 1 scenarios, pass rate 1" in said
    assert "test_passes" in said or "test_tiny.py" in said  # pytest's own output is shown
    assert said.rstrip().endswith(
        "gate: passed (exit 0: every stage reached its pass rate; nothing is undecided)"
    )
    verdict = checked(project)
    assert (verdict["decision"], verdict["exit_code"], verdict["why"]) == ("passed", 0, [])
    assert verdict["runtime"]["taken"] in ("netns", "loopback")
    (folder,) = scenarios(verdict)["tiny::passes"]["folders"]
    assert (project.results / folder / "history.jsonl").is_file()
    assert (project.results / "summary.md").read_text() in page.read_text()
    assert page.read_text().startswith("before\n## Gate: passed (exit 0)")
    assert [suite.get("name") for suite in project.junit()] == ["first", "second"]


def test_too_few_passes_refuse_and_the_later_stages_still_run(tmp_path: Path) -> None:
    """Exit 1, with the reasons of the failed verdict in every report."""
    project = Project(tmp_path, FAILS + PASSES, stage("first", "two", 0.9) + stage("second", "one"))
    code, said = project.gate()
    assert code == 1, said
    assert "gate: stage first: refused: 1 of 1 scenarios failed: pass rate 0, required 0.9" in said
    assert "FAIL    tiny::fails" in said
    assert "recovers was seen to be FAIL <&|>" in said
    verdict = checked(project)
    assert [s["decision"] for s in verdict["rounds"][0]["stages"]] == ["refused", "passed"]
    assert verdict["rounds"][0]["stages"][0]["pass_rate"] == {"required": 0.9, "got": 0}
    (failure,) = project.junit().iter("failure")
    assert "recovers was seen to be FAIL <&|>" in str(failure.text)
    (case,) = (
        each for each in project.junit().iter("testcase") if each.find("failure") is not None
    )
    assert "recovers.seen" in [each.get("value") for each in case.iter("property")]
    assert "recovers was seen to be FAIL <&|>" in (project.results / "summary.md").read_text()


def test_a_failure_within_the_rate_does_not_refuse(tmp_path: Path) -> None:
    """The rate is the share of all selected scenarios; here it is reached exactly."""
    gate = stage("all", "one or two", 0.5)
    assert Project(tmp_path, PASSES + FAILS, gate).gate()[0] == 0


UNDECIDED = (
    ("(saw): saw(starts='UNKNOWN')", "UNKNOWN", "UNKNOWN starts: starts holds"),
    (
        "(): pytest.skip('fault not supported here: no SYN drops')",
        "skipped",
        "fault not supported here",
    ),
    ("(): pass", "UNKNOWN", "no scenario ran"),
    ("(): assert False", "UNKNOWN", "the test failed before a scenario ran"),
    ("(no_such_fixture): pass", "UNKNOWN", "the test failed outside its scenario"),
    ("(request):\n    request.node.user_properties += [('chaos_run', '/none')]",
     "UNKNOWN", "a run has no saved verdicts"),
    ("(request):\n    request.node.user_properties += [('chaos_run', '/none'),\n"
     "        ('chaos_trouble', 'ServiceFailed')]\n    pytest.fail('postgres died')",
     "UNKNOWN", "the lab failed: ServiceFailed"),
)  # fmt: skip


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The verdict of a gate with one stage for each; the other scenario reaches the pass rate."""
    folder = tmp_path_factory.mktemp("undecided")
    tests, stages = "", ""
    for number, (scenario, _, _) in enumerate(UNDECIDED):
        mark = f"@pytest.mark.m{number}\n"
        tests += f"{mark}def test_it_{number}{scenario}\n"
        tests += f"{mark}def test_passes_{number}(saw): saw(starts='PASS')\n"
        stages += stage(f"s{number}", f"m{number}", 0.5)
    project = Project(folder, tests, stages)
    markers = "".join(f"    m{number}: of stage {number}\n" for number in range(len(UNDECIDED)))
    with (folder / "pytest.ini").open("a") as ini:
        ini.write(markers)
    code, said = project.gate()
    assert code == 3, said
    return checked(project)


@pytest.mark.parametrize("number", range(len(UNDECIDED)))
def test_undecided_scenarios_are_inconclusive_also_at_the_pass_rate(
    undecided: dict[str, Any], number: int
) -> None:
    """Neither a pass nor a refusal; the gate exits with 3 and gives the reason."""
    _, outcome, reason = UNDECIDED[number]
    assert undecided["rounds"][0]["stages"][number]["decision"] == "inconclusive"
    found = scenarios(undecided, at=number)[f"tiny::it_{number}"]
    assert found["outcome"] == outcome
    assert any(reason in each for each in found["reasons"]), found


def test_a_stage_of_unknowns_is_inconclusive_not_refused(tmp_path: Path) -> None:
    """Nothing bad was shown: the rate is missed by what nobody knows."""
    unknown = "@pytest.mark.one\ndef test_it(saw): saw(starts='UNKNOWN')\n"
    code, said = Project(tmp_path, unknown, stage("s", "one", 0.9)).gate()
    assert code == 3, said
    assert "1 of 1 scenarios are undecided (1 UNKNOWN)" in said


def test_a_test_that_fails_after_good_verdicts_fails(tmp_path: Path) -> None:
    """Its own assertion is part of the scenario."""
    bad = "@pytest.mark.one\ndef test_it(saw):\n    saw(starts='PASS')\n    assert 1 == 2\n"
    project = Project(tmp_path, bad, stage("s", "one"))
    assert project.gate()[0] == 1
    assert any(
        "assert 1 == 2" in each for each in scenarios(checked(project))["tiny::it"]["reasons"]
    )


def test_a_passing_test_cannot_hide_a_bad_verdict(tmp_path: Path) -> None:
    """The verdicts decide, whatever the test makes of them."""
    sly = (
        "@pytest.mark.one\ndef test_it(saw):\n"
        "    with pytest.raises(BaseException):\n        saw(starts='FAIL')\n"
    )
    assert Project(tmp_path, sly, stage("s", "one")).gate()[0] == 1


def test_a_p1_failure_aborts_at_once_and_the_rest_is_not_reached(tmp_path: Path) -> None:
    """Exit 4 goes before a refusal; what follows in the stage is interrupted."""
    slow = (
        "@pytest.mark.one\ndef test_a(saw): saw(starts='FAIL')\n"
        "@pytest.mark.one\ndef test_b(saw):\n    time.sleep(60)\n"
    )
    gate = stage("first", "one", more='abort_on = ["p1"]') + stage("second", "two")
    project = Project(tmp_path, slow + FAILS, gate)
    begun_s = time.monotonic()
    code, said = project.gate()
    # far below the 60 s that the second scenario would have slept
    assert time.monotonic() - begun_s < PATIENCE_S
    assert code == 4, said
    assert "tiny::a: P1 verdict 'starts' failed: starts was seen to be FAIL" in said
    verdict = checked(project)
    assert verdict["rounds"][0]["stages"][0]["abort"]["cause"] == "p1"
    assert scenarios(verdict)["tiny::b"]["outcome"] == "not run"
    assert verdict["rounds"][0]["not_reached"] == ["second"]


def test_a_failure_of_lesser_severity_does_not_abort(tmp_path: Path) -> None:
    """`recovers` is no P1 of this gate."""
    gate = stage("s", "two", more='abort_on = ["p1"]')
    assert Project(tmp_path, FAILS, gate).gate()[0] == 1


@pytest.mark.parametrize("of_stage", [True, False], ids=["the stage's", "the gate's"])
def test_a_stage_past_its_deadline_is_aborted(tmp_path: Path, of_stage: bool) -> None:
    """With whose deadline it was."""
    hangs = "@pytest.mark.one\ndef test_it():\n    time.sleep(60)\n"
    head = '[gate]\nruntime = "local"\n' + ("" if of_stage else "deadline_s = 15\n")
    gate = stage("s", "one", more="deadline_s = 15" if of_stage else "")
    project = Project(tmp_path, hangs, gate, head=head)
    code, said = project.gate()
    assert code == 4, said
    assert f"the {'stage' if of_stage else 'gate'}'s deadline: not finished after 15 s" in said
    assert checked(project)["rounds"][0]["stages"][0]["abort"]["cause"] == "deadline"


def test_a_retried_scenario_is_flaky_never_a_plain_pass(tmp_path: Path) -> None:
    """Its first outcome stays on record, and the gate is inconclusive."""
    flaky = (
        "@pytest.mark.one\ndef test_it(saw):\n"
        "    mark = Path('tried')\n    first = not mark.exists()\n    mark.touch()\n"
        "    saw(starts='FAIL' if first else 'PASS')\n"
    )
    head = '[gate]\nruntime = "local"\nretries = 2\n'
    project = Project(tmp_path, flaky + PASSES, stage("s", "one"), head=head)
    code, said = project.gate()
    assert code == 3, said
    found = scenarios(checked(project))["tiny::it"]
    assert (found["outcome"], found["attempts"]) == ("FLAKY", ["FAIL", "PASS"])
    assert found["reasons"][0] == "passed at attempt 2, after: FAIL"
    assert scenarios(checked(project))["tiny::passes"]["attempts"] == ["PASS"]


def test_two_workers_come_to_the_same(tmp_path: Path) -> None:
    """pytest-xdist's controller reports for all of them."""
    many = "@pytest.mark.one\n@pytest.mark.parametrize('n', range(4))\ndef test_it(saw, n): "
    project = Project(
        tmp_path, many + "saw(starts='PASS')\n" + FAILS, stage("s", "one or two", 0.8)
    )
    code, said = project.gate("--workers", "2")
    assert code == 0, said
    counts = checked(project)["rounds"][0]["stages"][0]["counts"]
    assert (counts["PASS"], counts["FAIL"]) == (4, 1)


def test_rounds_measure_how_flaky_each_scenario_is(tmp_path: Path) -> None:
    """Passes and failures with an interval; UNKNOWN counted apart."""
    turns = (
        "@pytest.mark.one\ndef test_it(saw):\n"
        "    log = Path('turns')\n    n = len(log.read_text()) if log.exists() else 0\n"
        "    log.write_text('x' * (n + 1))\n    saw(starts=('PASS', 'UNKNOWN', 'FAIL')[n])\n"
    )
    project = Project(tmp_path, turns + PASSES, stage("s", "one", 0.5))
    code, said = project.gate("--repeat", "3")
    assert code == 3, said
    verdict = checked(project)
    assert len(verdict["rounds"]) == 3
    found = {each["scenario"]: each for each in verdict["rates"]}
    it = found["tiny::it"]
    assert (it["passed"], it["failed"], it["unknown"], it["rate"]) == (1, 1, 1, 0.5)
    assert 0 < it["low"] < 0.5 < it["high"] < 1
    # Wilson's interval of 3 of 3 at 95 %
    assert found["tiny::passes"]["low"] == pytest.approx(0.4385, abs=1e-4)
    assert "0.500 (0.0" in said

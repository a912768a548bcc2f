"""What is decided from the outcomes of scenarios, and which decision goes before which."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from chaoslab.errors import UNREADABLE, Problem
from chaoslab.gate.document import document
from chaoslab.gate.junit import save_junit
from chaoslab.gate.markdown import summary
from chaoslab.gate.rates import rates
from chaoslab.gate.result import (
    Abort,
    ChosenRuntime,
    Decision,
    GateResult,
    RoundResult,
    ScenarioOutcome,
    ScenarioResult,
    StageResult,
    worst_decision,
)
from chaoslab.model.gate import GateStage
from chaoslab.model.verdict import failed, passed
from chaoslab.preflight.finding import Finding, Inspected
from chaoslab.reason import Reason


def scenario(outcome: ScenarioOutcome, name: str = "s", reason: str = "") -> ScenarioResult:
    reasons = (reason,) if reason else ()
    return ScenarioResult(
        scenario=name, nodeid=name, outcome=outcome, attempts=(outcome,), reasons=reasons
    )


def stage(rate: float, *outcomes: ScenarioOutcome, abort: bool = False) -> StageResult:
    return StageResult(
        stage=GateStage(name="stage", marker="m", pass_rate=rate),
        scenarios=tuple(scenario(each, f"s{n}") for n, each in enumerate(outcomes)),
        seconds=1.0,
        abort=Abort(cause="p1", why="boot failed") if abort else None,
    )


def gate(
    folder: Path, *rounds: RoundResult, preflight: Inspected | None = None, repeat: int = 1
) -> GateResult:
    return GateResult(
        topology="tiny",
        source="chaoslab.toml",
        runtime=ChosenRuntime(asked="auto", taken="loopback", why="no engine", proxy="embedded"),
        commands=(),
        workers=1,
        retries=0,
        repeat=repeat,
        started_at="2026-01-01T00:00:00+00:00",
        seconds=2.0,
        folder=str(folder),
        rounds=rounds,
        preflight=preflight,
    )


@pytest.mark.parametrize(
    ("rate", "outcomes", "decision"),
    [
        (1.0, ["PASS", "PASS"], "passed"),
        (0.5, ["PASS", "FAIL"], "passed"),
        (0.51, ["PASS", "FAIL"], "refused"),
        (0.7, ["PASS"] * 7 + ["FAIL"] * 3, "passed"),
        (0.999, ["PASS"] * 3, "passed"),
        (0.999, ["PASS"] * 3 + ["FAIL"], "refused"),
        (0.5, ["PASS", "UNKNOWN"], "inconclusive"),
        (0.5, ["PASS", "skipped"], "inconclusive"),
        (0.5, ["PASS", "FLAKY"], "inconclusive"),
        (0.5, ["PASS", "not run"], "inconclusive"),
        (1.0, ["UNKNOWN"], "inconclusive"),
        (0.9, ["FAIL", "UNKNOWN"], "refused"),
        (0.5, ["FAIL", "UNKNOWN"], "inconclusive"),
        (0.0, ["FAIL"], "passed"),
        (0.0, [], "inconclusive"),
    ],
)
def test_a_stage_is_decided_by_its_failures_first(
    rate: float, outcomes: list[ScenarioOutcome], decision: str
) -> None:
    """Refused where the failures alone break the rate; else nothing undecided may be left."""
    assert stage(rate, *outcomes).decision.value == decision


def test_an_aborted_stage_is_aborted_also_if_all_passed() -> None:
    """And one that the user got wrong is a usage error before that."""
    assert stage(1.0, "PASS", abort=True).decision is Decision.ABORTED


def test_the_order_of_decisions_is_the_one_that_was_asked_for() -> None:
    """Usage, aborted, refused, inconclusive, passed: in every order in which they may come."""
    order = [
        Decision.USAGE,
        Decision.ABORTED,
        Decision.REFUSED,
        Decision.INCONCLUSIVE,
        Decision.PASSED,
    ]
    assert [each.exit_code for each in order] == [2, 4, 1, 3, 0]
    for here in range(len(order)):
        for some in itertools.permutations(order[here:]):
            assert worst_decision(some) is order[here]
    assert worst_decision([]) is Decision.INCONCLUSIVE


def test_a_finding_of_the_preflight_refuses(tmp_path: Path) -> None:
    """Nothing was booted; each way to tell the result has the finding."""
    found = Finding(rule="ports", where="deploy.yaml:7", what="8081 <is> not 8080", fix="fix it")
    inspected = Inspected(file="deploy.yaml", findings=(found,), checks=())
    result = gate(tmp_path, preflight=inspected)
    assert (result.decision, result.why) == (Decision.REFUSED, ("preflight: 1 finding",))
    root = xml.parse(save_junit(result)).getroot()
    assert [failure.get("message") for failure in root.iter("failure")] == ["8081 <is> not 8080"]
    assert "- deploy.yaml:7: ports: 8081 &lt;is&gt; not 8080 fix it" in [*summary(result)]


def test_what_xml_and_tables_cannot_hold_does_not_break_them(tmp_path: Path) -> None:
    """An app's log may have any character in it."""
    nasty = "\x00\x1b[31m | <b> & \ud800 ]]>"
    stages = StageResult(
        stage=GateStage(name="a|b", marker="m", pass_rate=1),
        scenarios=(scenario("FAIL", "x[<&>|\x07]", nasty),),
        seconds=1.0,
    )
    result = gate(tmp_path, RoundResult(stages=(stages,)))
    root = xml.parse(save_junit(result)).getroot()
    (failure,) = root.iter("failure")
    assert "| <b> & " in str(failure.get("message"))
    (row,) = (line for line in summary(result) if "**refused**" in line)
    assert row.replace("\\|", "").count("|") == 11


def test_verdicts_are_properties_in_junit(tmp_path: Path) -> None:
    """Each outcome, and the codes of its reasons once each, also of a scenario that passed."""
    exited, log = (Reason(code=f"app.{name}", text="") for name in ("exited", "log_line"))
    made = (failed("starts", "it starts", exited, log, log), passed("serves", "it serves"))
    scenarios = (
        replace(scenario("FAIL", "bad"), verdicts=made),
        replace(scenario("PASS", "good"), verdicts=made[1:]),
    )
    whole = replace(stage(1.0), scenarios=scenarios)
    root = xml.parse(save_junit(gate(tmp_path, RoundResult(stages=(whole,))))).getroot()
    bad, good = (
        [(each.get("name"), each.get("value")) for each in case.iter("property")]
        for case in root.iter("testcase")
    )
    assert bad == [
        ("verdict.starts", "FAIL"),
        ("verdict.starts.codes", "app.exited, app.log_line"),
        ("verdict.serves", "PASS"),
        ("verdict.serves.codes", ""),
    ]
    assert good == bad[2:]


def test_the_labs_own_problems_are_in_verdict_json_and_junit(tmp_path: Path) -> None:
    """Programs read their codes, also where no verdict was reached."""
    reason = UNREADABLE(cause="No such file")
    problem = Problem(reason=reason, where="deploy.yaml", fix="add it", lines=("last line",))
    stopped = replace(scenario("UNKNOWN", "bad"), problems=(problem, problem))
    stages = replace(stage(1.0), scenarios=(stopped, scenario("PASS", "good")))
    result = gate(tmp_path, RoundResult(stages=(stages,)))
    bad, good = xml.parse(save_junit(result)).getroot().iter("testcase")
    assert [(each.get("name"), each.get("value")) for each in bad.iter("property")] == [
        ("error.codes", "file.unreadable")
    ]
    assert [*good.iter("property")] == []
    saved = json.loads(json.dumps(document(result)))
    scenarios = saved["rounds"][0]["stages"][0]["scenarios"]
    assert [len(each["problems"]) for each in scenarios] == [2, 0]
    assert scenarios[0]["problems"][0] == {
        "code": "file.unreadable",
        "text": "cannot be read: No such file",
        "data": {"cause": "No such file"},
        "where": "deploy.yaml",
        "expected": "",
        "got": "",
        "fix": "add it",
        "lines": ["last line"],
    }


def test_an_aborted_stage_is_an_error_in_junit(tmp_path: Path) -> None:
    """A CI system that reads nothing else must not show a green suite."""
    result = gate(tmp_path, RoundResult(stages=(stage(1.0, "PASS", abort=True),)))
    (suite,) = xml.parse(save_junit(result)).getroot()
    assert (suite.get("errors"), suite.get("tests")) == ("1", "2")


def test_rates_count_the_first_try_of_each_round() -> None:
    """A flaky pass is the failure that it began with; without a judgement there is no rate."""
    flaky = ScenarioResult(scenario="s", nodeid="s", outcome="FLAKY", attempts=("FAIL", "PASS"))
    never = scenario("not run", "t")
    one = StageResult(stage=stage(1).stage, scenarios=(flaky, never), seconds=1)
    two = StageResult(stage=stage(1).stage, scenarios=(scenario("PASS"),), seconds=1)
    first, second = rates((RoundResult(stages=(one,)), RoundResult(stages=(two,))))
    assert (first.passed, first.failed, first.rate) == (1, 1, 0.5)
    assert (second.not_run, second.rate, second.low) == (1, None, None)


def test_a_gate_that_lost_rounds_is_aborted(tmp_path: Path) -> None:
    """The finished rounds are reported, but the gate did not pass."""
    whole = gate(tmp_path, RoundResult(stages=(stage(1.0, "PASS"),)), repeat=3)
    assert whole.decision is Decision.PASSED
    cut = replace(whole, stopped="interrupted in round 2 of 3")
    assert (cut.decision, cut.why) == (Decision.ABORTED, ("interrupted in round 2 of 3",))
    assert document(cut)["exit_code"] == 4

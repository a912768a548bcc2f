"""What a gate reads of a search: a length that breaks the app refuses only if it is required."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree as xml

import jsonschema
import pytest
from rich.console import Console
from verdicts.lengths import saved, search

from chaoslab.gate.document import document
from chaoslab.gate.judged import judged
from chaoslab.gate.junit import save_junit
from chaoslab.gate.markdown import summary
from chaoslab.gate.records import Finished, TestOutcome
from chaoslab.gate.result import RoundResult, StageResult
from chaoslab.gate.text import gate_text
from chaoslab.model.gate import GateStage
from chaoslab.verdicts.tried_length import State

from .checked import SCHEMA
from .test_result import gate


def finished(
    home: Path, *states: State, at_least_s: float | None = None, outcome: TestOutcome = "passed"
) -> Finished:
    """A test whose search tried 1 s, 2 s, … with these states."""
    place = saved(home, search(1, 2, at_least_s=at_least_s), *states)
    folders = tuple(str(home / f"a-{length_s}s") for length_s in range(1, len(states) + 1))
    return Finished(
        nodeid="test_a.py::test_a",
        scenario="a::a",
        outcome=outcome,
        seconds=1.0,
        folder=folders[-1],
        folders=folders,
        reason="",
        searches=(str(place),),
    )


@pytest.mark.parametrize(
    ("states", "at_least_s", "outcome"),
    [
        (("survived", "broke"), None, "PASS"),
        (("survived", "broke"), 1.0, "PASS"),
        (("survived", "broke"), 2.0, "FAIL"),
        (("survived", "undecided"), 1.0, "PASS"),
        (("survived", "undecided"), 2.0, "UNKNOWN"),
        (("undecided", "undecided"), None, "UNKNOWN"),
        (("survived",), 2.0, "UNKNOWN"),
    ],
)
def test_only_a_required_length_decides(
    tmp_path: Path, states: tuple[State, ...], at_least_s: float | None, outcome: str
) -> None:
    """The verdict of the search stands for the runs that are not required."""
    test = "passed" if outcome == "PASS" else "failed"
    found = judged(finished(tmp_path, *states, at_least_s=at_least_s, outcome=test))
    assert found.result.outcome == outcome
    required = [s for s in range(1, len(states) + 1) if at_least_s is not None and s <= at_least_s]
    names = [verdict.name for verdict in found.result.verdicts]
    assert names == [*("recovers" for _ in required), "how_long"]
    assert len(found.runs) == len(required)  # a run that is not required breaks no abort rule
    assert len(found.result.folders) == len(states)


def test_a_run_that_failed_outside_the_search_counts(tmp_path: Path) -> None:
    """As does each run of a search that cannot be read."""
    record = finished(tmp_path, "survived", "broke")
    (tmp_path / "a-how_long" / "how_long.json").write_text("{}")
    found = judged(record).result
    assert (found.outcome, found.how_long) == ("FAIL", ())


def test_every_report_names_the_length_that_broke_a_scenario_that_passes(tmp_path: Path) -> None:
    """It is an intended finding, and not hidden."""
    found = judged(finished(tmp_path, "survived", "broke", at_least_s=1.0)).result
    stage = StageResult(
        stage=GateStage(name="s", marker="m", pass_rate=1.0), scenarios=(found,), seconds=1.0
    )
    result = gate(tmp_path, RoundResult(stages=(stage,)))
    data = json.loads(json.dumps(document(result)))
    jsonschema.validate(data, SCHEMA, format_checker=jsonschema.FormatChecker())
    (case,) = xml.parse(save_junit(result)).iter("testcase")
    properties = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert properties["verdict.how_long"] == "PASS"
    assert properties["verdict.how_long.codes"] == "length.survived, length.broke"
    assert (properties["how_long.1_s"], properties["how_long.2_s"]) == ("survived", "broke")
    broke = "broke at 2 s (in force for 2.200 s): recovers: made to be FAIL"
    assert broke in "\n".join(summary(result))
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(gate_text(result))
    assert broke in console.export_text()

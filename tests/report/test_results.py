"""A result: verdicts at once; history, plan and frames from the saved run when asked for."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from chaoslab.errors import SpecError
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.verdict import Outcome, failed, passed, unknown
from chaoslab.reason import Reason
from chaoslab.report.runs import save_verdicts
from chaoslab.results import Result, events, read_result

RUNS = Path(__file__).parents[1] / "golden" / "runs"
VERDICTS = (
    passed("starts", "it starts"),
    unknown("recovers", "it recovers", Reason(code="x.no_heal", text="no heal")),
)


@pytest.fixture
def result(tmp_path: Path) -> Result:
    """A saved run with two verdicts."""
    folder = copytree(RUNS / "first_request", tmp_path / "run")
    save_verdicts(RunFolder(folder), VERDICTS)
    return read_result(folder)


def test_the_outcome_is_the_worst_of_the_verdicts(result: Result) -> None:
    """And UNKNOWN where nothing was judged."""
    assert result.outcome is Outcome.UNKNOWN
    assert not result.passed
    assert Result(folder=result.folder, verdicts=VERDICTS[:1]).passed
    assert Result(folder=result.folder, verdicts=()).outcome is Outcome.UNKNOWN
    assert Result(folder=result.folder, verdicts=(failed("a", "b"),)).outcome is Outcome.FAIL


def test_a_verdict_is_found_by_its_name(result: Result) -> None:
    """The error for a wrong name lists the verdicts that exist."""
    assert result.verdict("recovers") == VERDICTS[1]
    with pytest.raises(LookupError, match="this run has: starts, recovers"):
        result.verdict("recovery")


def test_the_explanation_has_every_claim_and_reason(result: Result) -> None:
    """What a failed test would print."""
    assert "recovers: it recovers" in result.explanation
    assert "no heal" in result.explanation


def test_history_and_plan_are_those_that_were_saved(result: Result) -> None:
    """Read once, when they are asked for."""
    assert result.history.first(events.LabUp) is not None
    assert result.history is result.history
    assert result.plan.faults
    assert result.topology.apps


def test_a_frame_has_a_row_per_event_and_a_column_per_field(result: Result) -> None:
    """Of one type of event."""
    frame = result.frame(events.HealthSample)
    assert len(frame) == len(list(result.history.of(events.HealthSample)))
    assert {"at_s", "app", "boot", "took_s", "state", "status_code"} <= set(frame.columns)


def test_a_frame_of_what_did_not_happen_has_its_columns(result: Result) -> None:
    """And no row, so that the code that reads it need not ask first."""
    frame = result.frame(events.ProbeCrashed)
    assert frame.empty
    assert "error" in frame.columns


def test_a_run_without_saved_verdicts_is_refused(tmp_path: Path) -> None:
    """Judging is another command's work."""
    with pytest.raises(SpecError, match="chaoslab analyze"):
        read_result(copytree(RUNS / "first_request", tmp_path / "run"))

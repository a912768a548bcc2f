"""An insert whose answer was lost is tried again, and the row is there twice."""

from __future__ import annotations

from pathlib import Path

from chaoslab.model.verdict import Outcome

from .rig import judged


def test_rows_that_are_there_twice_are_a_failure(tmp_path: Path) -> None:
    """Everything acknowledged is found, health is green, and a customer has paid twice."""
    run = judged("duplicates", tmp_path)
    assert (run.exit_code, run.outcome) == (1, Outcome.FAIL)
    assert run.verdicts["keeps_acknowledged"].outcome is Outcome.FAIL
    assert "write.repeated" in run.codes("keeps_acknowledged")
    assert "write.lost" not in run.codes("keeps_acknowledged")
    assert run.verdicts["recovers"].outcome is Outcome.PASS

"""One of two workers never connects again after an outage, and health is green."""

from __future__ import annotations

from pathlib import Path

from chaoslab.model.verdict import Outcome

from .rig import judged


def test_an_app_that_refuses_every_second_write_for_ever_does_not_serve(tmp_path: Path) -> None:
    """It served every write before the outage; what comes after the heal counts for itself."""
    run = judged("half_dead", tmp_path)
    assert (run.exit_code, run.outcome) == (1, Outcome.FAIL)
    assert run.verdicts["serves"].outcome is Outcome.FAIL
    assert "worker 1 lost its database" in run.because("serves")
    assert "before the first fault: " in run.because("serves")
    assert run.verdicts["recovers"].outcome is Outcome.PASS

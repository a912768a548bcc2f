"""A worker whose timer for reconnecting gives up: its jobs are never delivered, health is green."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.model.verdict import Outcome

from .rig import judged

pytestmark = pytest.mark.slow
BY_HEALTH = ("starts", "degrades", "recovers")


def test_jobs_after_a_long_outage_are_never_delivered(tmp_path: Path) -> None:
    """Health alone would pass. The jobs say it in their own words."""
    run = judged("stuck_worker", tmp_path, "-k", "test_long_outage")
    assert run.exit_code == 1, run.text
    assert [run.verdicts[name].outcome for name in BY_HEALTH] == [Outcome.PASS] * 3, run.text
    assert run.verdicts["delivers"].outcome is Outcome.FAIL, run.text
    assert run.codes("delivers")[0] == "job.lost"
    assert "jobs were never delivered: acknowledged, and not in postgres: notes.body at" in (
        run.because("delivers")
    )


@pytest.mark.parametrize(
    ("outage", "fixed"), [("test_short_outage", "0"), ("test_long_outage", "1")]
)
def test_jobs_are_delivered_where_the_worker_comes_back(
    tmp_path: Path, outage: str, fixed: str
) -> None:
    """After an outage shorter than the timer, and with the one fix after any."""
    run = judged("stuck_worker", tmp_path, "-k", outage, FIXED=fixed)
    assert run.outcome is Outcome.PASS, run.text
    assert run.codes("delivers")[:2] == ("job.counts", "job.all_delivered")

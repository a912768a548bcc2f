"""A service whose first answer is degraded, and who is right in that."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.model.verdict import Outcome

from .rig import judged

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scenario", ["good_day", "outage"])
def test_a_service_that_is_degraded_for_its_first_moment_starts_normally(
    scenario: str, tmp_path: Path
) -> None:
    """Healthy within its deadline; what it answered before is reported, and ends no fault."""
    run = judged("degraded_first", tmp_path, "-k", scenario)
    assert run.outcome is Outcome.PASS, run.text
    assert "answered degraded at" in run.because("starts")

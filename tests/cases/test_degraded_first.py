"""A service whose first answer is degraded, and who is right in that."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from chaoslab.model.verdict import Outcome

from .rig import Judged, judged_each

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Judged]:
    """Both scenarios of the case, run in one pytest."""
    return judged_each("degraded_first", tmp_path_factory.mktemp("degraded_first"), 2)


@pytest.mark.parametrize("scenario", ["good_day", "outage"])
def test_a_service_that_is_degraded_for_its_first_moment_starts_normally(
    scenario: str, runs: Mapping[str, Judged]
) -> None:
    """Healthy within its deadline; what it answered before is reported, and ends no fault."""
    run = runs[f"starts-{scenario}"]
    assert run.outcome is Outcome.PASS, run.text
    assert "answered degraded at" in run.because("starts")

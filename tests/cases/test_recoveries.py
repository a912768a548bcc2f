"""Services that only seem to recover: nothing shows it, or it does not last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from chaoslab.model.verdict import Outcome

from .rig import Judged, judged, judged_each

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plain_ok(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Judged]:
    """Both scenarios of the case `plain_ok`, run in one pytest."""
    return judged_each("plain_ok", tmp_path_factory.mktemp("plain_ok"), 2)


@pytest.mark.parametrize("scenario", ["restarted", "refused"])
def test_a_service_that_always_says_ok_is_not_shown_to_recover(
    scenario: str, plain_ok: Mapping[str, Judged]
) -> None:
    """It never connected again; its health told nothing of it, and nobody asked for more."""
    run = plain_ok[f"recovery-gone_and_back_{scenario}"]
    verdict = run.verdicts["recovers"]
    assert verdict.outcome is Outcome.UNKNOWN, run.text
    assert "health was not observed to change under" in run.because("recovers")
    assert "no write proved that the app reaches postgres again" in run.because("recovers")


def test_a_service_that_ends_two_seconds_after_its_recovery_fails(tmp_path: Path) -> None:
    """A recovery is watched for 3 s where the topology says nothing."""
    run = judged("exits_later", tmp_path)
    assert run.verdicts["recovers"].outcome is Outcome.FAIL, run.text
    assert "exited with 1" in run.because("recovers")

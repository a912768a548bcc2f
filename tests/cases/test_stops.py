"""An app that gets SIGTERM ends at once, never, or after its pool gave up on a severed path."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from chaoslab.model.verdict import Outcome

from .rig import Judged, judged_each

PASSES = {
    "stops-ends_at_once": ("stops", "stays_available", "serves", "keeps_acknowledged"),
    "stops-closes_its_pool": ("stops",),
    "stops-ends_after_an_outage": ("stops",),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Judged]:
    return judged_each("stops", tmp_path_factory.mktemp("stops"), 5)


@pytest.mark.parametrize("scenario", PASSES)
def test_an_app_that_ends_in_time_passes(runs: Mapping[str, Judged], scenario: str) -> None:
    """And its other claims are judged until SIGTERM, though the load goes on after it."""
    verdicts = runs[scenario].verdicts
    assert set(verdicts) == set(PASSES[scenario])
    for name, verdict in verdicts.items():
        assert verdict.outcome is Outcome.PASS, runs[scenario].because(name)


def test_an_app_that_ignores_sigterm_is_killed_and_fails(runs: Mapping[str, Judged]) -> None:
    """The kill is in its other verdict too, which stays PASS."""
    run = runs["stops-ignores_it"]
    assert run.verdicts["stops"].outcome is Outcome.FAIL
    assert run.verdicts["stays_available"].outcome is Outcome.PASS
    for name in run.verdicts:
        assert "app still ran 1 s after SIGTERM: the lab sent SIGKILL" in run.because(name)


def test_an_app_that_waits_for_its_pool_in_an_outage_is_late(runs: Mapping[str, Judged]) -> None:
    """It ends by itself, with 0, after more than the two seconds that it has."""
    run = runs["stops-closes_its_pool_in_an_outage"]
    assert run.verdicts["stops"].outcome is Outcome.FAIL
    codes = run.codes("stops")
    assert "bound.missed" in codes
    assert "app.killed" not in codes
    assert "stop.other_exit_code" not in codes
    assert "in force at SIGTERM: cut" in run.because("stops")
    assert "log: closing the pool" in run.because("stops")

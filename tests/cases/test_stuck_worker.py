"""A worker whose timer for reconnecting gives up: only an outage longer than that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.model.verdict import Outcome

from .rig import searched

pytestmark = pytest.mark.slow
BROKE = "broke at 4 s (in force for "


def test_the_length_that_stops_the_worker_is_found_and_reported(tmp_path: Path) -> None:
    """Health is right and green after both outages; only the jobs show it. Nothing is required, so
    the test passes, and the terminal names the length.
    """
    code, printed, found = searched("stuck_worker", tmp_path, "-k", "reported")
    assert code == 0, printed
    assert (found.survives_s, found.breaks_at_s, found.not_tried_s) == (0.5, 4.0, (8.0,)), printed
    assert BROKE in printed
    broke = found.tried[-1]
    assert broke.held_s is not None
    assert 4.0 <= broke.held_s < 24.0  # the wait for health is in it
    assert (broke.outcome, broke.run) == (Outcome.FAIL, "how_long-reported-4s")


def test_a_required_length_that_stops_the_worker_fails(tmp_path: Path) -> None:
    """With the length and the reason first."""
    code, printed, found = searched("stuck_worker", tmp_path, "-k", "required")
    assert code == 1, printed
    assert found.verdict.outcome is Outcome.FAIL
    assert f"FAIL how_long: {BROKE}" in printed


def test_a_worker_that_tries_for_ever_survives_each_length(tmp_path: Path) -> None:
    """The same service with its one fix."""
    code, printed, found = searched("stuck_worker", tmp_path, "-k", "required", FIXED="1")
    assert code == 0, printed
    assert [each.state for each in found.tried] == ["survived", "survived"], printed
    assert (found.survives_s, found.breaks_at_s) == (4.0, None)

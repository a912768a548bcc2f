"""A service that loses events after its connection to the broker has ended, and a right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.model.verdict import Outcome

from .rig import judged

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("channel", ["test_websocket", "test_server_sent"]),
]


def test_events_that_are_lost_after_a_reconnect_fail(tmp_path: Path, channel: str) -> None:
    """The subscription lasted all the time, so the lab knows it."""
    run = judged("events", tmp_path, "-k", channel)
    assert run.exit_code == 1, run.text
    assert run.verdicts["recovers"].outcome is Outcome.PASS, run.text
    assert run.codes("delivers")[0] == "job.lost", run.text


def test_every_event_arrives_where_the_service_goes_on_after_the_last(
    tmp_path: Path, channel: str
) -> None:
    """With the one fix."""
    run = judged("events", tmp_path, "-k", channel, FIXED="1")
    assert run.outcome is Outcome.PASS, run.text
    assert run.codes("delivers")[:2] == ("job.counts", "job.all_delivered"), run.text

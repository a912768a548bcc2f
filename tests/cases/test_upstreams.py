"""Upstreams of no kind of their own: an HTTP service with declared answers, and two TCP servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.model.verdict import Outcome

from .rig import judged

pytestmark = pytest.mark.slow
JUDGED = (
    *("payment_severed", "payment_slow", "payment_paused", "payment_killed"),
    *("queue_severed", "queue_stopped", "queue_paused", "ledger_severed", "ledger_stopped"),
)


@pytest.mark.parametrize("name", JUDGED)
def test_the_loss_of_an_upstream_is_judged_to_the_end(name: str, tmp_path: Path) -> None:
    """Every fault is put in force, observed to affect the app, and healed."""
    run = judged("upstreams", tmp_path, "-k", name)
    assert run.outcome is Outcome.PASS, run.text


def test_silence_that_nothing_can_show_is_unknown_and_says_what_to_declare(tmp_path: Path) -> None:
    """A server without a declared answer looks the same in silence."""
    run = judged("upstreams", tmp_path, "-k", "ledger_silent")
    assert run.outcome is Outcome.UNKNOWN
    assert "add question and answer to [services.ledger]" in run.text

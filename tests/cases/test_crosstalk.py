"""A pool takes a connection back whose answer was not read: the next user gets that answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.model.verdict import Outcome

from .rig import judged

pytestmark = pytest.mark.slow


def test_an_answer_with_the_id_of_another_user_fails(tmp_path: Path) -> None:
    """Both ids are named. Every row is stored under its own id, so nothing else shows it."""
    run = judged("crosstalk", tmp_path)
    assert run.verdicts["reads_own_writes"].outcome is Outcome.FAIL, run.text
    assert "answer.of_another" in run.codes("reads_own_writes")
    assert "answers have the id of another request: note at" in run.because("reads_own_writes")
    assert run.verdicts["keeps_acknowledged"].outcome is Outcome.PASS
    assert run.verdicts["answers_requests"].outcome is Outcome.PASS


def test_a_pool_that_closes_such_connections_passes(tmp_path: Path) -> None:
    """It refuses users while Redis is slow, in time."""
    run = judged("crosstalk", tmp_path, FIXED="1")
    assert run.outcome is Outcome.PASS, run.text

"""Services of other kinds than Postgres and Redis: an outage, and a recovery that is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.here import MYSQL, RABBITMQ, needs_program

from chaoslab.model.topology import Service
from chaoslab.model.verdict import Outcome

from .rig import judged


@pytest.mark.parametrize("service", [MYSQL, RABBITMQ], ids=lambda service: service.kind)
def test_an_app_that_recovers_passes(service: Service, tmp_path: Path) -> None:
    """The fault is seen by a canary and met by the app; every verdict rests on that."""
    needs_program(service)
    run = judged(f"{service.kind}_recovers", tmp_path)
    assert (run.exit_code, run.outcome) == (0, Outcome.PASS), run.text

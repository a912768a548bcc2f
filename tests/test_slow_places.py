"""What `make check` leaves out exists."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_every_slow_place_exists(pytestconfig: pytest.Config) -> None:
    """A file that moved without its line in `SLOW` would run in `make check` unnoticed."""
    conftest = pytestconfig.pluginmanager.get_plugin(str(HERE / "conftest.py"))
    assert conftest is not None
    assert [place for place in conftest.SLOW if not [*HERE.glob(f"{place}*")]] == []

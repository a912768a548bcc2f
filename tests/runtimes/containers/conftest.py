"""What the tests of containers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .engine import Maker, made_things


@pytest.fixture
def maker() -> Iterator[Maker]:
    """Makes things in the engine under a session of its own."""
    yield from made_things()

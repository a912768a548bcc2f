"""What the tests of labs with network namespaces share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chaoslab.injection.context import Context
from chaoslab.runtimes.netns import NetnsRuntime
from runtimes.namespaces import needs_namespaces
from runtimes.stacks import SMALL, ground_of


@pytest.fixture
async def lab() -> AsyncIterator[NetnsRuntime]:
    """A lab with namespaces for the app of the small topology, and nothing started in it."""
    needs_namespaces()
    async with NetnsRuntime(SMALL.apps.values()) as up:
        yield up


@pytest.fixture
async def context(lab: NetnsRuntime, tmp_path: Path) -> AsyncIterator[Context]:
    """A redis and the proxy of its link, in that lab."""
    async with ground_of(lab, SMALL, tmp_path, "embedded") as made:
        yield made

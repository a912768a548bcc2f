"""A real engine, a real Redis and a real Postgres for all tests of a session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from chaoslab.injection.context import Context

from .rig import fresh_journal, real_context


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def common_context(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Context]:
    """The context that all tests share; each test has its own journal."""
    async with real_context(tmp_path_factory.mktemp("context")) as real:
        yield real


@pytest.fixture
def context(common_context: Context, tmp_path: Path) -> Iterator[Context]:
    """The context with an empty journal."""
    with fresh_journal(common_context, tmp_path) as fresh:
        yield fresh


@pytest.fixture
def port(context: Context) -> int:
    """The port of the proxy on the app's link to Redis."""
    return context.addresses["app.redis"].port

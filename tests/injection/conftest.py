"""A real engine, a real Redis and a real Postgres for all tests of a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from chaoslab.history.journal import Journal
from chaoslab.injection.context import Context
from chaoslab.runtimes.local import LocalRuntime

from .rig import TOPOLOGY, fresh_journal

SEED = 7


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def common_context(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Context]:
    """The context that all tests share; each test has its own journal."""
    folder = tmp_path_factory.mktemp("context")
    async with LocalRuntime() as runtime:
        control, *services = await asyncio.gather(
            runtime.start_proxy("embedded", seed=SEED, log=folder / "proxy.log"),
            *(runtime.start_service(service) for service in TOPOLOGY.services.values()),
        )
        running = {service.service.name: service for service in services}
        addresses = {
            link.name: runtime.proxied(
                await control.create(link.name, str(running[link.service].upstream))
            )
            for link in TOPOLOGY.links
        }
        journal = Journal(folder / "history.jsonl")
        yield Context(
            topology=TOPOLOGY, runtime=runtime, control=control, services=running,
            addresses=addresses, journal=journal, seed=SEED,
        )  # fmt: skip
        journal.close()
        await control.close()


@pytest.fixture
def context(common_context: Context, tmp_path: Path) -> Iterator[Context]:
    """The context with an empty journal."""
    with fresh_journal(common_context, tmp_path) as fresh:
        yield fresh


@pytest.fixture
def port(context: Context) -> int:
    """The port of the proxy on the app's link to Redis."""
    return context.addresses["app.redis"].port

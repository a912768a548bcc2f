"""A ground for faults: a real engine, a real Redis and a real Postgres, up once per session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from chaoslab.faults.base import Ground
from chaoslab.history.journal import Journal
from chaoslab.proxies import server
from chaoslab.runtimes.local import LocalRuntime

from .rig import TOPOLOGY, fresh_journal

SEED = 7


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def common_ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """Everything of a ground but a journal of the test's own."""
    folder = tmp_path_factory.mktemp("ground")
    async with LocalRuntime() as runtime:

        async def spawn(command: tuple[str, ...]) -> server.SpawnedServer:
            return await runtime.spawn_helper(command=command, env={}, log=folder / "proxy.log")

        control, *services = await asyncio.gather(
            server.start("embedded", seed=SEED, spawn=spawn, free_port=runtime.free_port),
            *(runtime.start_service(service) for service in TOPOLOGY.services.values()),
        )
        running = {service.service.name: service for service in services}
        ports = {
            link.name: await control.create(link.name, str(running[link.service].endpoint))
            for link in TOPOLOGY.links
        }
        journal = Journal(folder / "history.jsonl")
        yield Ground(
            topology=TOPOLOGY, control=control, services=running, ports=ports,
            journal=journal, seed=SEED,
        )  # fmt: skip
        journal.close()
        await control.close()


@pytest.fixture
def ground(common_ground: Ground, tmp_path: Path) -> Iterator[Ground]:
    """The ground with an empty journal."""
    with fresh_journal(common_ground, tmp_path) as fresh:
        yield fresh


@pytest.fixture
def port(ground: Ground) -> int:
    """Where the app's path to Redis begins."""
    return ground.ports["app.redis"]

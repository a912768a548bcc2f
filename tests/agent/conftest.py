"""Fixtures of the agent's tests: real servers behind the engine, and two network namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from chaoslab.model.topology import Service
from chaoslab.runtimes.local import LocalRuntime

from .rig import Wire, wired


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def proxied(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, int]]:
    """The port of a proxy in front of each kind of server."""
    log = tmp_path_factory.mktemp("proxied") / "proxy.log"
    kinds = ("redis", "postgres")
    async with LocalRuntime() as runtime:
        control, *services = await asyncio.gather(
            runtime.start_proxy("embedded", seed=7, log=log),
            *(runtime.start_service(Service(name=kind, kind=kind)) for kind in kinds),
        )
        listens = [
            await control.create(service.service.name, str(service.upstream))
            for service in services
        ]
        yield {
            kind: runtime.proxied(address).port
            for kind, address in zip(kinds, listens, strict=True)
        }
        await control.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A new wire."""
    with wired() as laid:
        yield laid

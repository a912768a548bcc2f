"""What the tests of the runtimes share."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack

import pytest

from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.spec.topology import Service

# A container runtime joins the contract by one more entry.
RUNTIMES: dict[str, Callable[[], AbstractAsyncContextManager[Runtime]]] = {"local": LocalRuntime}

POSTGRES = Service(name="postgres", kind="postgres")
REDIS = Service(name="redis", kind="redis")


@pytest.fixture(params=sorted(RUNTIMES))
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    """A runtime that is up; every test of the contract meets each of them."""
    async with RUNTIMES[request.param]() as up:
        yield up


@pytest.fixture
def severed_port() -> Iterator[int]:
    """A port whose SYNs are dropped: a listener with a full accept queue, as behind a cut path."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler = stack.enter_context(socket.socket())
        filler.connect(listener.getsockname())
        yield listener.getsockname()[1]

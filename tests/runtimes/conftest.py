"""What the tests of the runtimes share."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from engine_here import needs_engine

from chaoslab.injection.context import Context
from chaoslab.model.topology import Service
from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.containers.runtime import ContainerRuntime
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.runtimes.netns import NetnsRuntime

from .namespaces import needs_namespaces
from .stacks import APP, TOPOLOGY, ground_of

RUNTIMES = ("docker", "local", "netns")
# What is said of processes of this machine, whose numbers and ports the test itself can see.
LOCAL = pytest.mark.parametrize("runtime", ["local"], indirect=True)

POSTGRES = Service(name="postgres", kind="postgres")
REDIS = Service(name="redis", kind="redis")


@pytest.fixture(scope="session")
def docker_session() -> Iterator[DockerSession]:
    """One stack of containers for all tests of a pytest process; its labs come one by one."""
    needs_engine()
    session = DockerSession(TOPOLOGY, "toxiproxy")
    yield session
    session.close()


@pytest.fixture(params=RUNTIMES)
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    """A runtime that is up; every test of the contract meets each of them."""
    if request.param == "local":
        async with LocalRuntime() as up:
            yield up
    elif request.param == "netns":
        needs_namespaces()
        async with NetnsRuntime([APP]) as up:
            yield up
    else:
        async with request.getfixturevalue("docker_session").lab() as up:
            yield up


@pytest.fixture
async def lab(docker_session: DockerSession) -> AsyncIterator[ContainerRuntime]:
    """A lab in containers, with nothing started in it."""
    async with docker_session.lab() as up:
        yield up


@pytest.fixture
async def context(lab: ContainerRuntime, tmp_path: Path) -> AsyncIterator[Context]:
    """What faults need, in containers: services, the proxies of their links, a journal."""
    async with ground_of(lab, TOPOLOGY, tmp_path) as made:
        yield made


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

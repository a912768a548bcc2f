"""Fixtures of the reference backend's tests: real servers, paths that can be cut, the process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .process import GOOD, BackendProcess
from .relay import Relay
from .servers import PostgresServer, RedisServer, postgres_binaries, redis_binary


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    if (binaries := postgres_binaries()) is None:
        pytest.skip("no Postgres binaries on this machine")
    root = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=root, prefix="reference-pg-") as folder:
        server = PostgresServer(binaries, Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    if (binary := redis_binary()) is None:
        pytest.skip("no redis-server on this machine")
    server = RedisServer(binary)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """Postgres, running and without tables; after the test it runs again."""
    postgres_server.query("DROP TABLE IF EXISTS messages, threads")
    yield postgres_server
    postgres_server.fix()


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    """Redis, running; after the test it runs again."""
    yield redis_server
    redis_server.fix()


@pytest.fixture
def postgres_path(postgres: PostgresServer) -> Iterator[Relay]:
    """The path to Postgres, which can be cut and healed."""
    with Relay(postgres.port) as relay:
        yield relay


@pytest.fixture
def redis_path(redis: RedisServer) -> Iterator[Relay]:
    """The path to Redis, which can be cut and healed."""
    with Relay(redis.port) as relay:
        yield relay


# How long a server may be silent before the backend takes it for lost, where no test is about that:
# longer than a machine stalls.
PATIENT = {"LIMIT_HEALTH_S": "2.5", "LIMIT_POOL_WAIT_S": "5"}
# A start that waits for its database long enough to be observed on a slow machine.
SLOW_TO_FAIL = {"LIMIT_CONNECT_S": "20", "LIMIT_INIT_S": "30"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A healthy backend behind two paths; a test must leave it healthy."""

    backend: BackendProcess
    postgres: PostgresServer
    postgres_path: Relay
    redis_path: Relay


@pytest.fixture(scope="module")
def shared_running(
    postgres_server: PostgresServer,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """One process for all tests that only cut and heal, because a boot takes most of a second."""
    with Relay(postgres_server.port) as postgres_path, Relay(redis_server.port) as redis_path:
        environment = {
            "PROFILE": "lab",
            "DATABASE_URL": postgres_server.url_at(postgres_path.port),
            "REDIS_URL": f"redis://127.0.0.1:{redis_path.port}/0",
            **PATIENT,
        }
        backend = BackendProcess(environment, tmp_path_factory.mktemp("running") / "backend.log")
        yield Running(
            backend=backend,
            postgres=postgres_server,
            postgres_path=postgres_path,
            redis_path=redis_path,
        )
        backend.kill()


@pytest.fixture
def running(shared_running: Running) -> Iterator[Running]:
    """The shared process, healthy before the test; afterwards its paths are healed."""
    shared_running.backend.wait_for("healthy", 10)
    yield shared_running
    shared_running.postgres_path.heal()
    shared_running.redis_path.heal()


@pytest.fixture
def boot(
    postgres: PostgresServer, postgres_path: Relay, redis_path: Relay, tmp_path: Path
) -> Iterator[Callable[..., BackendProcess]]:
    """Starts the real process, or a defective build, in profile `lab` behind both paths.

    The keyword arguments are its environment.

    """
    started: list[BackendProcess] = []

    def start(module: str = GOOD, **environment: str) -> BackendProcess:
        given = {
            "PROFILE": "lab",
            "DATABASE_URL": postgres.url_at(postgres_path.port),
            "REDIS_URL": f"redis://127.0.0.1:{redis_path.port}/0",
        }
        log = tmp_path / f"backend-{len(started)}.log"
        started.append(BackendProcess(given | environment, log, module=module))
        return started[-1]

    yield start
    for process in started:
        process.kill()

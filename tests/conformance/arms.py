"""The two servers under test, each a process that ends with the test process."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from chaoslab.clock import now_s
from chaoslab.machine.ports import Ports

EMBEDDED = "embedded"
TOXIPROXY = "toxiproxy"
ARMS = (EMBEDDED, TOXIPROXY)
READY_WITHIN_S = 10.0
_PORTS = Ports()
atexit.register(_PORTS.close)

# A shell starts the server, prints its pid, and ends it when our pipe is closed,
# which the kernel does if the test process is killed.
_DEADMAN = '"$0" "$@" >&2 & echo $!; read -r _; kill $!; wait $!'


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A running server: its kind, the address of its API, and its log file."""

    name: str
    host: str
    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        """Base address of the HTTP API."""
        return f"http://{self.host}:{self.port}"

    @property
    def is_embedded(self) -> bool:
        """True for the embedded engine, False for a real Toxiproxy."""
        return self.name == EMBEDDED


def toxiproxy_binary() -> str | None:
    """The real server: CHAOSLAB_TOXIPROXY_SERVER, else `toxiproxy-server` on PATH, else None."""
    return os.environ.get("CHAOSLAB_TOXIPROXY_SERVER") or shutil.which("toxiproxy-server")


@contextlib.contextmanager
def running(name: str, log: Path) -> Iterator[Arm]:
    """Start a server, and end it on exit. Raises RuntimeError with its log if it is not ready."""
    start = _embedded if name == EMBEDDED else _toxiproxy
    with log.open("wb") as sink, start(log, sink.fileno()) as arm:
        yield arm


@contextlib.contextmanager
def _embedded(log: Path, sink: int) -> Iterator[Arm]:
    command = [sys.executable, "-m", "chaoslab.engine", "--host", "127.0.0.1", "--port", "0"]
    command += ["--seed", "7", "--until-eof"]
    with _held(command, sink) as process:
        ready = json.loads(_first_line(process, log))
        host, _, port = ready["listening"].rpartition(":")
        yield Arm(name=EMBEDDED, host=host, port=int(port), pid=ready["pid"], log=log)


@contextlib.contextmanager
def _toxiproxy(log: Path, sink: int) -> Iterator[Arm]:
    binary = toxiproxy_binary()
    if binary is None:
        raise RuntimeError("no toxiproxy-server on PATH nor in CHAOSLAB_TOXIPROXY_SERVER")
    port = lasting_port()
    server = [binary, "-host", "127.0.0.1", "-port", str(port), "-proxy-metrics"]
    with _held(["/bin/sh", "-c", _DEADMAN, *server], sink) as process:
        pid = int(_first_line(process, log))
        _await_version(f"http://127.0.0.1:{port}/version", log)
        yield Arm(name=TOXIPROXY, host="127.0.0.1", port=port, pid=pid, log=log)


@contextlib.contextmanager
def _held(command: list[str], log: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends when its standard input is closed, and else is killed."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _first_line(process: subprocess.Popen[bytes], log: Path) -> bytes:
    assert process.stdout is not None
    if select.select([process.stdout], [], [], READY_WITHIN_S)[0]:
        line = process.stdout.readline()
        if line:
            return line
    raise RuntimeError(f"no readiness line within {READY_WITHIN_S} s; its log:\n{log.read_text()}")


def _await_version(url: str, log: Path) -> None:
    deadline_s = now_s() + READY_WITHIN_S
    with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=0)) as client:
        while now_s() < deadline_s:
            with contextlib.suppress(httpx.TransportError):
                client.get(url)
                return
            select.select([], [], [], 0.01)  # the server prints nothing to wait for
    raise RuntimeError(f"{url} did not answer within {READY_WITHIN_S} s; log:\n{log.read_text()}")


def lasting_port() -> int:
    """A free loopback port that nobody is given before it is listened on, nor while its proxy is
    disabled: neither a client of anybody's nor another test process.
    """
    return _PORTS.take()

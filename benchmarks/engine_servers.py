"""The processes of the engine's benchmark: both proxies, a real Redis, a sender and a sink."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from _measure import pinned

from chaoslab.clock import now_s
from chaoslab.services.redis.local import PROGRAM

READY_WITHIN_S = 10.0
PEER = str(Path(__file__).with_name("engine_peer.py"))
# A shell ends the server when our pipe is closed, which also happens if we are killed.
_DEADMAN = '"$0" "$@" >/dev/null 2>&1 & echo $!; read -r _; kill $!; wait $!'


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A running proxy server: its name, pid and API, and the addresses of its proxies by name."""

    name: str
    pid: int
    http: httpx.Client
    routes: dict[str, tuple[str, int]] = field(default_factory=dict)

    def route(self, name: str, upstream: tuple[str, int]) -> tuple[str, int]:
        """Make a proxy in front of `upstream`. Returns its address."""
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": f"{upstream[0]}:{upstream[1]}"}
        answer = self.http.post("/proxies", json=body).raise_for_status().json()
        host, _, port = answer["listen"].rpartition(":")
        self.routes[name] = (host, int(port))
        return self.routes[name]

    def latency(self, name: str, latency_ms: int) -> None:
        """Add a downstream latency toxic to a route."""
        body = {"type": "latency", "attributes": {"latency": latency_ms}}
        self.http.post(f"/proxies/{name}/toxics", json=body).raise_for_status()


def toxiproxy_binary() -> str | None:
    """The path in CHAOSLAB_TOXIPROXY_SERVER, else `toxiproxy-server` on PATH, else None."""
    return os.environ.get("CHAOSLAB_TOXIPROXY_SERVER") or shutil.which("toxiproxy-server")


@contextlib.contextmanager
def engine(allowed: set[int]) -> Iterator[Proxy]:
    """The embedded engine on those cores."""
    command = [sys.executable, "-m", "chaoslab.engine", "--host", "127.0.0.1", "--port", "0"]
    with _held([*command, "--seed", "1", "--until-eof"], allowed) as process:
        ready = json.loads(_line(process))
        with _client(f"http://{ready['listening']}") as http:
            yield Proxy(name="engine", pid=ready["pid"], http=http)


@contextlib.contextmanager
def toxiproxy(allowed: set[int]) -> Iterator[Proxy]:
    """A real Toxiproxy on those cores. Go starts as many threads as it has cores at its start."""
    binary, port = toxiproxy_binary(), _free_port()
    assert binary is not None
    server = [binary, "-host", "127.0.0.1", "-port", str(port)]
    with _held(["/bin/sh", "-c", _DEADMAN, *server], allowed) as process:
        pid = int(_line(process))
        _await_port(port)
        with _client(f"http://127.0.0.1:{port}") as http:
            yield Proxy(name="toxiproxy", pid=pid, http=http)


@contextlib.contextmanager
def redis(allowed: set[int]) -> Iterator[tuple[str, int]]:
    """A real Redis without persistence. Yields its address."""
    port = _free_port()
    command = [str(PROGRAM.find().path), "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--appendonly", "no", "--tcp-backlog", "511"]
    with _held(["/bin/sh", "-c", _DEADMAN, *command], allowed) as process:
        _line(process)
        _await_port(port)
        yield ("127.0.0.1", port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """A sender and a sink of bulk data; their cores can be set before each measurement."""

    sender: subprocess.Popen[bytes]
    sink: subprocess.Popen[bytes]
    address: tuple[str, int]

    def run(self, through: tuple[str, int], seconds: float) -> tuple[int, float]:
        """Send for that time. Returns the bytes that arrived and the seconds."""
        assert self.sender.stdin is not None
        self.sender.stdin.write(f"{through[0]} {through[1]} {seconds}\n".encode())
        self.sender.stdin.flush()
        size, took_s = _line(self.sink).split()
        return int(size), float(took_s)

    def place(self, *, sender: set[int], sink: set[int]) -> None:
        """Pin both ends."""
        os.sched_setaffinity(self.sender.pid, sender)
        os.sched_setaffinity(self.sink.pid, sink)


@contextlib.contextmanager
def peers() -> Iterator[Peers]:
    """A sender and a sink process."""
    anywhere = os.sched_getaffinity(0)
    with (
        _held([sys.executable, PEER, "sink"], anywhere) as sink,
        _held([sys.executable, PEER, "sender"], anywhere) as sender,
    ):
        yield Peers(sender=sender, sink=sink, address=("127.0.0.1", int(_line(sink))))


@contextlib.contextmanager
def _held(command: list[str], allowed: set[int]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends when the pipe to it is closed."""
    pipe = subprocess.PIPE
    with pinned(allowed):
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
    with process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


def _line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    if select.select([process.stdout], [], [], READY_WITHIN_S)[0]:
        line = process.stdout.readline()
        if line:
            return line
    raise RuntimeError(f"{process.args!r} printed nothing within {READY_WITHIN_S} s")


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=10.0, trust_env=False)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _await_port(port: int) -> None:
    deadline_s = now_s() + READY_WITHIN_S
    while now_s() < deadline_s:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        select.select([], [], [], 0.005)  # neither server reports that it listens
    raise RuntimeError(f"nothing listens on 127.0.0.1:{port} after {READY_WITHIN_S} s")

"""Helpers of the engine's tests: an engine as a process, upstreams as threads, plain sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from chaoslab.services import last_messages

Address = tuple[str, int]
PATIENCE_S = 10.0


class Engine:
    """A running engine and its API."""

    def __init__(self, process: subprocess.Popen[str], listening: str) -> None:
        self.process = process
        self.url = f"http://{listening}"
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_S)
        self._made = 0

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """Send one request, check its status, return the decoded body (None for an empty one)."""
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def proxy(self, upstream: Address, **more: Any) -> Proxy:
        """Make a proxy in front of `upstream`; its name has a counter."""
        self._made += 1
        body = {
            "name": f"p{self._made}",
            "listen": "127.0.0.1:0",
            "upstream": f"{upstream[0]}:{upstream[1]}",
            **more,
        }
        shown = self.call("POST", "/proxies", body, expect=201)
        return Proxy(self, shown["name"], address_of(shown["listen"]))


class Proxy:
    """One proxy of the engine under test."""

    def __init__(self, engine: Engine, name: str, address: Address) -> None:
        self.engine = engine
        self.name = name
        self.address = address

    def toxic(self, type_: str, stream: str = "downstream", **attributes: Any) -> str:
        """Add a toxic; `name` and `toxicity` may be among the attributes."""
        body: dict[str, Any] = {"type": type_, "stream": stream}
        body |= {key: attributes.pop(key) for key in ("name", "toxicity") if key in attributes}
        shown = self.engine.call(
            "POST", f"/proxies/{self.name}/toxics", {**body, "attributes": attributes}
        )
        return str(shown["name"])

    def change(self, toxic: str, **body: Any) -> None:
        """Update a toxic."""
        self.engine.call("PATCH", f"/proxies/{self.name}/toxics/{toxic}", body)

    def remove(self, toxic: str) -> None:
        """Remove a toxic."""
        self.engine.call("DELETE", f"/proxies/{self.name}/toxics/{toxic}", expect=204)

    def connect(self, mode: str, established: str | None = None, **more: Any) -> dict[str, Any]:
        """Set the connect mode; returns the mode that the engine shows."""
        body = {"mode": mode, **more} | ({"established": established} if established else {})
        return dict(self.engine.call("PUT", f"/chaoslab/proxies/{self.name}/connect", body))

    def show(self) -> dict[str, Any]:
        """The proxy as `/chaoslab` shows it, with its connect mode."""
        return dict(self.engine.call("GET", f"/chaoslab/proxies/{self.name}"))

    def log(self) -> list[dict[str, Any]]:
        """The proxy's connections, oldest first."""
        shown = self.engine.call("GET", f"/chaoslab/connections?proxy={self.name}")
        return list(shown["connections"])

    def arm(self, at_connection: int, *actions: dict[str, Any], name: str = "t") -> None:
        """Arm a trigger."""
        body = {"name": name, "at_connection": at_connection, "actions": list(actions)}
        self.engine.call("POST", f"/chaoslab/proxies/{self.name}/triggers", body)

    def dial(self, timeout_s: float = PATIENCE_S) -> socket.socket:
        """A client connection."""
        sock = socket.create_connection(self.address, timeout=timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


@contextlib.contextmanager
def running_engine(*options: str, descriptors: int | None = None) -> Iterator[Engine]:
    """An engine on a free port, which ends with the block or with this process.

    `descriptors` is the most open files that it may have.

    """
    command = [sys.executable, "-m", "chaoslab.engine", "--host", "127.0.0.1", "--port", "0"]
    if descriptors is not None:
        limit = f"resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors}))"
        start = f"import os, resource, sys; {limit}; os.execv(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", start, *command]
    with subprocess.Popen(
        [*command, "--until-eof", "--last-messages", last_messages(), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        engine = Engine(process, json.loads(process.stdout.readline())["listening"])
        try:
            with engine.http:
                yield engine
        finally:
            process.stdin.close()
            assert process.wait(PATIENCE_S) == 0


@contextlib.contextmanager
def upstream(serve: Callable[[socket.socket], None]) -> Iterator[Address]:
    """A server that runs `serve` in a new thread for each connection."""
    # Room for all connections of a test: on a busy machine they wait to be accepted.
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    served: list[socket.socket] = []

    def run(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            serve(sock)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                sock.settimeout(PATIENCE_S)
                served.append(sock)
                threading.Thread(target=run, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for sock in served:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def echo(sock: socket.socket) -> None:
    """Send back all bytes until the end."""
    while data := sock.recv(65536):
        sock.sendall(data)


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """`size` bytes, or fewer if the stream ends before."""
    got = bytearray()
    while len(got) < size:
        data = sock.recv(min(size - len(got), 1 << 18))
        if not data:
            break
        got += data
    return bytes(got)


def read_to_end(sock: socket.socket) -> bytes:
    """Everything until the end of the stream."""
    return read_exactly(sock, 1 << 62)


def silent_for(sock: socket.socket, seconds: float) -> bool:
    """Whether nothing arrives for this time: no byte, no end, no error."""
    before = sock.gettimeout()
    sock.settimeout(seconds)
    try:
        sock.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(before)
    return False


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition is true; fail the test at the limit."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.005)


# The kernel repeats a SYN after 1 s, and then after twice as long each time (RFC 6298).
SYN_RETRIES_S = (1.0, 3.0, 7.0, 15.0)


def syns_within(seconds: float) -> int:
    """The most SYNs that one connect() sends in the first `within_s` seconds while dropped."""
    return 1 + sum(retry_s <= seconds for retry_s in SYN_RETRIES_S)


def address_of(text: str) -> Address:
    """Host and port of `host:port`."""
    host, _, port = text.rpartition(":")
    return host, int(port)

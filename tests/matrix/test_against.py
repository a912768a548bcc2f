"""`chaoslab run --against` on an app, a store and an engine that the lab did not start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from rigs.projects import CHAOSLAB, Project

STORE = """\
import contextlib, socketserver


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(ConnectionError):
            while self.rfile.readline():
                self.wfile.write(b"PONG\\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Answer) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""
APP = """\
import json, socket, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def works():
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=0.5) as connection:
            connection.sendall(b"PING\\n")
            return connection.recv(16) == b"PONG\\n"
    except OSError:
        return False


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        good = works()
        body = json.dumps({"status": "healthy" if good else "unhealthy"}).encode()
        self.send_response(200 if good else 503)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""
TOML = """\
version = 1

[services.store]
kind = "tcp"
command = ["not-started", "{{port}}"]
question = "PING\\n"
answer = "PONG"

[apps.web]
command = ["not-started"]
links = ["store"]

[apps.web.deadlines]
degraded_s = 2.0
recovery_s = 10.0  # on a machine that other tests use as well

[apps.web.requests.list]
kind = "page"
path = "/list"

[attach]
toxiproxy = "{api}"
apps.web.url = "{url}"
links."web.store".proxy = "store"
services.store.url = "tcp://127.0.0.1:{store}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A project with [attach], the address of its app, and that of its proxy server."""

    project: Project
    url: str
    api: str

    def state(self) -> Any:
        """How the engine shows the one proxy: its toxics, and what it does with connects."""
        toxics = httpx.get(f"{self.api}/proxies/store", trust_env=False).json()
        own = httpx.get(f"{self.api}/chaoslab/proxies/store", trust_env=False).json()
        return toxics, own["connect"]["mode"], own["connect"]["established"]


def started(folder: Path, *command: str) -> tuple[subprocess.Popen[str], str]:
    """The process, and its first line."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("system")
    project = Project(folder, {"store.py": STORE, "app.py": APP})
    processes = []
    try:
        process, port = started(folder, "store.py")
        processes.append(process)
        proxy = {"name": "store", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{port.strip()}"}
        (folder / "proxies.json").write_text(json.dumps([{**proxy, "enabled": True}]))
        engine = ("-m", CHAOSLAB, "proxy", "--port", "0", "--config", "proxies.json")
        process, line = started(folder, *engine)
        processes.append(process)
        api = f"http://{json.loads(line)['listening']}"
        listen = httpx.get(f"{api}/proxies", trust_env=False).json()["store"]["listen"]
        process, own = started(folder, "app.py", listen.rpartition(":")[2])
        processes.append(process)
        url = f"http://127.0.0.1:{own.strip()}"
        toml = TOML.format(api=api, url=url, store=port.strip())
        (folder / "chaoslab.toml").write_text(toml)
        yield System(project=project, url=url, api=api)
    finally:
        for process in processes:
            with process:
                process.terminate()


CELL = ("--only", "store-silent-running", "--only", "store-silent-boot", "--max-lag-s", "5")


def test_a_running_system_is_described_and_left_as_it_was(system: System, tmp_path: Path) -> None:
    """What is touched is printed first; a policy is accepted from what was observed."""
    before, state = system.state(), str(tmp_path)
    command = ("run", "--against", system.url, *CELL, "--accept")
    code, printed = system.project.chaoslab(*command, XDG_STATE_HOME=state)
    assert code == 0, printed
    touched, _, rest = printed.partition("1/2 steady")
    assert "attach: injects faults on web.store: proxy store of 127.0.0.1:" in touched
    assert "runs already, /health 200 healthy, requests ok" in rest
    assert "not possible here: attach mode does not start the app" in rest
    assert "/health 503 unhealthy, requests answer 503; back" in " ".join(rest.split())
    assert "none of 2 known cells; not possible here: 1" in rest
    assert system.state() == before
    toml = tomllib.loads((system.project.folder / "chaoslab.toml").read_text())
    accepted = {"store": {"running": {"silent": "unavailable"}}}
    assert toml["apps"]["web"].get("policies") == accepted, printed
    assert "startup_s" not in toml["apps"]["web"]["deadlines"]


def test_sigterm_under_a_fault_heals_it(system: System, tmp_path: Path) -> None:
    """The command says that it was interrupted; the app serves on."""
    before, command = system.state(), ("run", "--against", system.url, *CELL)
    with system.project.start(CHAOSLAB, *command, XDG_STATE_HOME=str(tmp_path)) as process:
        until_s = time.monotonic() + 120.0
        while system.state() == before:
            assert process.poll() is None
            assert time.monotonic() < until_s
            time.sleep(0.1)  # the fault comes in another process
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1, printed
    assert "interrupted: 1 of 3 cells were not run" in printed
    assert system.state() == before
    assert httpx.get(f"{system.url}/list", trust_env=False).status_code == 200

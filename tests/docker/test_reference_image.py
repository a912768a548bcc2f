"""The reference backend's image: what goes into it, and how it runs."""

from __future__ import annotations

import http.client
import json
import re
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from docker_cli import REFERENCE_IMAGE, TOP, Container, Starter, awaited, free_ports, run, succeeded

from chaoslab.model.topology import Images

ROOM = TOP / "docker" / "reference"
# Nothing listens there: a backend without its services, which the bypass lets start all the same.
NOWHERE = (
    "-e", "DATABASE_URL=postgresql://nobody:secret@127.0.0.1:1/none",
    "-e", "REDIS_URL=redis://127.0.0.1:1/0",
    "-e", "EMERGENCY_ALLOW_NO_DATABASE=true",
    "-e", "PROFILE=lab",
)  # fmt: skip


def test_the_image_installs_what_the_extra_installs() -> None:
    """The extra `reference`, and the drivers that are among the lab's own dependencies."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    drivers = ("psycopg[", "redis>")
    expected = {need for need in project["dependencies"] if need.startswith(drivers)}
    expected |= set(project["optional-dependencies"]["reference"])
    lines = (ROOM / "requirements.txt").read_text().splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == expected


def test_the_base_image_is_the_topologys() -> None:
    """One default for the topology, the Dockerfile and whoever builds by hand."""
    assert f"\nARG BASE={Images().python}\n" in (ROOM / "Dockerfile").read_text()


def test_the_build_sees_only_what_it_copies() -> None:
    """The context holds no tests, no results, no history; wheels count only where fetched."""
    build = pytest.importorskip("docker.utils.build", reason="pip install 'chaoslab[containers]'")
    patterns = (TOP / ".dockerignore").read_text().splitlines()
    rules = [line for line in patterns if line and not line.startswith("#")]
    seen = {path for path in build.exclude_paths(str(TOP), rules) if (TOP / path).is_file()}
    seen.discard(".dockerignore")  # which the client always sends
    allowed = re.compile(r"chaoslab/__init__\.py|chaoslab/reference/.*\.py|docker/reference/.+")
    assert "chaoslab/reference/backend/__main__.py" in seen
    assert [path for path in seen if not allowed.fullmatch(path)] == []
    size = sum((TOP / path).stat().st_size for path in seen if "/wheels/" not in path)
    assert size < 500_000


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server that answers everything with that status."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def checked(port: int) -> tuple[int, str]:
    """The exit status of the health check against that port, and what it printed."""
    script = ROOM / "healthcheck.py"
    done = run(sys.executable, "-IS", script, "/health/live", PORT=str(port))
    return done.returncode, done.stdout


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_follows_the_status(status: int, code: int) -> None:
    """200 is healthy; the answer is printed, for whoever inspects the container."""
    with answering(status) as port:
        found, said = checked(port)
    assert found == code
    assert str(status) in said
    assert "/health/live" in said


def test_the_health_check_fails_where_nothing_listens() -> None:
    """And says so in one line, without a traceback."""
    code, said = checked(port := free_ports(1)[0])
    assert code == 1
    assert said.startswith(f"port {port}: ")


def health(container: Container) -> dict[str, object] | None:
    """The body of `/health`, or None while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", container.port(8080), timeout=5)
    try:
        connection.request("GET", "/health")
        body: dict[str, object] = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body


@pytest.mark.slow
def test_the_image_serves_as_nobody_and_stops_when_told(start: Starter) -> None:
    """No root, no compiling at start-up, healthy while degraded, exit 0 on SIGTERM."""
    options = (*NOWHERE, "-p", "127.0.0.1::8080", "--health-interval=0.5s")
    backend = start(REFERENCE_IMAGE, options=options)
    awaited("/health degraded", lambda: (health(backend) or {}).get("status") == "degraded")
    awaited(
        "the health check passes",
        lambda: backend.inspect("{{.State.Health.Status}}") == "healthy",
    )
    told = "import os, fastapi; print(os.getuid(), fastapi.__spec__.cached, chaoslab.__file__)"
    uid, compiled, home = succeeded(
        "docker", "exec", backend.name, "python", "-c", f"import chaoslab; {told}"
    ).split()
    assert uid == "10001"
    assert backend.answers("test", "-s", compiled)
    assert not backend.answers("test", "-w", home)
    succeeded("docker", "stop", "-t", "10", backend.name)
    assert backend.inspect("{{.State.ExitCode}}") == "0"


@pytest.mark.slow
def test_the_image_says_what_its_environment_lacks(start: Starter) -> None:
    """Exit 2 and every problem, as the process does outside."""
    backend = start(REFERENCE_IMAGE)
    assert succeeded("docker", "wait", backend.name) == "2"
    said = run("docker", "logs", backend.name).stderr
    assert "DATABASE_URL: not set" in said
    assert "REDIS_URL: not set" in said

"""A folder with a topology and its Compose file, and the stack of it that a user runs."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from engine_here import engine, needs_engine, stand_ins

from chaoslab import services
from chaoslab.agent.build_context import content_hash
from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.ports import Ports
from chaoslab.model.loader import load_topology
from chaoslab.model.topology import Topology
from chaoslab.runtimes.compose.file import FILE
from chaoslab.runtimes.compose.session import ComposeSession
from chaoslab.runtimes.compose.tool import Compose, installed
from chaoslab.runtimes.containers import labels
from chaoslab.runtimes.containers.sweeper import KINDS, Thing

TOP = Path(__file__).parents[3]
SERVICES = ("POSTGRES", "REDIS", "TOXIPROXY", "BACKEND")
PATIENCE_S = 60.0  # a shared machine's; a stack takes three seconds


def compose_or_skip(command: str = "") -> Compose:
    """A Compose, where this machine has it beside an engine and images."""
    needs_engine()
    with pytest.MonkeyPatch.context() as patch:
        if command:
            patch.setenv("CHAOSLAB_COMPOSE", command)
        try:
            return installed()
        except RuntimeUnavailable as error:
            pytest.skip(f"needs {command or 'a Compose'}: {str(error).splitlines()[0]}")


class Project:
    """A user's folder; `stack` is theirs, `session` a lab's beside it."""

    def __init__(self, folder: Path, compose: Compose, change: Callable[[str], str] = str) -> None:
        self.name = f"chaoslab-test-{uuid.uuid4().hex[:8]}"
        self.folder = folder / self.name
        (self.folder / "docker").mkdir(parents=True)
        shutil.copy(TOP / "docker" / "toxiproxy.json", self.folder / "docker")
        shutil.copy(TOP / "chaoslab.toml", self.folder)
        self.file = self.folder / FILE
        self.file.write_text(change((TOP / FILE).read_text()))
        self._compose = compose
        self._free = Ports()
        self.ports = {name: self._free.take() for name in SERVICES}
        published = {f"CHAOSLAB_COMPOSE_{name}_PORT": str(p) for name, p in self.ports.items()}
        self.env = {**stand_ins(), **published, "CHAOSLAB_COMPOSE": " ".join(compose.command)}

    @property
    def topology(self) -> Topology:
        return load_topology(self.folder / "chaoslab.toml", kinds=services.kinds())

    def session(self) -> ComposeSession:
        """A lab's session in this folder."""
        return ComposeSession(self.topology, "toxiproxy")

    def compose(self, *words: str) -> str:
        """What the user's own command prints."""
        command = (*self._compose.command, "-f", str(self.file), *words)
        done = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **self.env},
            capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def stack(self) -> Iterator[None]:
        """The user's own stack."""
        try:
            self.compose("up", "-d")
            yield
        finally:
            self.compose("down", "-v", "-t", "1")

    def close(self) -> None:
        self._free.close()

    def seen(self) -> dict[str, object]:
        """All that a lab could leave behind in the user's stack, as it is now."""
        containers = {
            thing.name: _seen_of(thing) for thing in self.things() if thing.kind == "container"
        }
        return {
            "containers": containers,
            "proxies": self.proxies(),
            "rules": self.rules(),
            "databases": self.psql("SELECT datname FROM pg_database ORDER BY 1"),
            "roles": self.psql("SELECT rolname FROM pg_roles ORDER BY 1"),
            "keys": self.redis("INFO", "keyspace"),
        }

    def things(self) -> list[Thing]:
        """Every container and network of the user's project."""
        label = f"com.docker.compose.project={self.name}"
        return [thing for kind in KINDS for thing in engine().things(kind, label)]

    def proxies(self) -> dict[str, object]:
        url = f"http://127.0.0.1:{self.ports['TOXIPROXY']}/proxies"
        said: dict[str, object] = httpx.get(url, trust_env=False).json()
        return said

    def rules(self) -> str:
        """The packet rules in Toxiproxy's namespace."""
        name = self._container("toxiproxy")
        return in_namespace(name, "iptables-save -t filter | grep -v '^[#:]' || true")

    def psql(self, query: str) -> str:
        return self.inside("postgres", "psql", "-U", "chaoslab", "-At", "-c", query)

    def redis(self, *words: str) -> str:
        return self.inside("redis", "redis-cli", *words)

    def inside(self, service: str, *words: str) -> str:
        """What a command prints in a service's container."""
        return _docker("exec", self._container(service), *words)

    def _container(self, service: str) -> str:
        label = "com.docker.compose.service"
        return next(each.id for each in self.things() if each.labels.get(label) == service)


@contextmanager
def project(
    folder: Path, command: str = "", change: Callable[[str], str] = str
) -> Iterator[Project]:
    """A user's folder, in whose environment this process is meanwhile."""
    made = Project(folder, compose_or_skip(command), change)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.env.items():
            patch.setenv(name, value)
        patch.delenv("COMPOSE_PROJECT_NAME", raising=False)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def closed(session: ComposeSession) -> Iterator[ComposeSession]:
    """The session, closed at the end whatever happens; then nothing of it is there."""
    try:
        yield session
    finally:
        session.close()
    assert things_of(session) == []


def things_of(session: ComposeSession) -> list[Thing]:
    """Everything that carries the session's label."""
    label = f"{labels.SESSION}={session._id}"
    return [thing for kind in KINDS for thing in engine().things(kind, label)]


def things_of_pid(pid: int) -> list[Thing]:
    """Everything in the engine that the lab of that process has made."""
    every = [thing for kind in KINDS for thing in engine().things(kind, labels.SESSION)]
    return [e for e in every if e.labels[labels.SESSION].startswith(f"{pid}-")]


def start_python(code: str, *words: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """A lab in a process of its own, which prints a line at each step."""
    paths = os.pathsep.join([str(TOP), str(TOP / "tests")])
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**os.environ, **env, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def until(what: str, holds: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Return as soon as it holds; fail after the limit."""
    end_s = now_s() + within_s
    while not holds():
        assert now_s() < end_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.1)


def in_namespace(container: str, script: str) -> str:
    """What a shell script prints in a container's network namespace."""
    image = f"chaoslab-agent:{content_hash()}"
    if not _docker("image", "ls", "-q", image):
        return ""  # no lab was ever here
    place = ("--network", f"container:{container}", "--cap-add", "NET_ADMIN")
    return _docker("run", "--rm", *place, "--entrypoint", "sh", image, "-c", script)


def blocking(session: ComposeSession) -> None:
    """Enter a lab and leave it at once."""

    async def lab() -> None:
        async with session.lab():
            pass

    asyncio.run(lab())


def _seen_of(thing: Thing) -> dict[str, object]:
    said = json.loads(engine().read(f"/containers/{thing.id}/json"))
    with suppress(KeyError):
        said["State"]["Health"] = said["State"]["Health"]["Status"]
    return {
        "id": said["Id"],
        "image": said["Image"],
        "state": {key: said["State"].get(key) for key in ("Status", "Paused", "Health")},
        "ports": said["NetworkSettings"]["Ports"],
        "networks": sorted(said["NetworkSettings"]["Networks"]),
        "mounts": said["Mounts"],
        "host": said["HostConfig"],
    }


def _docker(*words: str) -> str:
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"docker {words}: {done.stdout}{done.stderr}"
    return done.stdout.strip()

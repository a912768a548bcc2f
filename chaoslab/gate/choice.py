"""Which runtime a gate takes: as it was asked for, or what this machine is ready for."""

from __future__ import annotations

import importlib.util
import sys
from typing import Literal

from chaoslab.errors import RuntimeUnavailable
from chaoslab.gate.result import RuntimeTaken
from chaoslab.model.gate import GateProxy, GateRuntime
from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.server import toxiproxy_program
from chaoslab.runtimes.doctor.look import look
from chaoslab.runtimes.doctor.needs import needs_of


def runtime_taken(asked: GateRuntime, asked_proxy: GateProxy, topology: Topology) -> RuntimeTaken:
    """The runtime of this gate, and what sits on its links.

    `auto` is docker only where `chaoslab doctor` calls it ready. Raises RuntimeUnavailable where
    what was asked for by name surely lacks something.
    """
    taken, why = _runtime(asked, topology)
    usual: ProxyKind = "embedded" if taken == "local" else "toxiproxy"
    proxy = usual if asked_proxy == "auto" else asked_proxy
    if (taken, proxy) == ("local", "toxiproxy"):
        toxiproxy_program()
    return RuntimeTaken(asked=asked, taken=taken, why=why, proxy=proxy)


def _runtime(asked: GateRuntime, topology: Topology) -> tuple[Literal["docker", "local"], str]:
    """The runtime, and why it is that one."""
    if asked == "local":
        return "local", "asked for"
    needs = next(n for n in needs_of(look(topology, topology.source)) if n.runtime == "docker")
    lacks = [lack.what for lack in needs.lacks]
    if asked == "docker":
        if needs.readiness == "lacking":
            fixes = [f"  {fix}" for lack in needs.lacks for fix in lack.fixes]
            raise RuntimeUnavailable("\n".join((f"no docker runtime: {'; '.join(lacks)}", *fixes)))
        return "docker", "asked for"
    if needs.readiness == "ready":
        return "docker", "a Docker engine is ready here"
    return "local", f"docker is not ready here: {'; '.join(lacks)}"


def check_workers(workers: int) -> None:
    """Raise RuntimeUnavailable where several workers were asked for and pytest has none."""
    if workers > 1 and not has_xdist():
        fix = f"{sys.executable} -m pip install pytest-xdist, or use one worker"
        raise RuntimeUnavailable(f"{workers} workers need pytest-xdist\n  {fix}")


def has_xdist() -> bool:
    """Whether pytest can run tests in several processes here."""
    return importlib.util.find_spec("xdist") is not None

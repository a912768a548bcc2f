"""Chooses the runtime and the proxy of a gate."""

from __future__ import annotations

import importlib.util
import sys
from typing import cast

from chaoslab.errors import NOT_INSTALLED, ErrorCode, Problem, RuntimeUnavailable
from chaoslab.gate.result import ChosenRuntime
from chaoslab.model.gate import GateProxy, GateRuntime, TakenRuntime
from chaoslab.model.topology import Topology
from chaoslab.proxies.server import toxiproxy_program
from chaoslab.runtimes.choice import choose
from chaoslab.runtimes.doctor.look import look
from chaoslab.runtimes.doctor.needs import needs_of
from chaoslab.runtimes.netns.needs import only_embedded
from chaoslab.runtimes.table import usual_proxy

NOT_READY = ErrorCode(
    "runtime.not_ready",
    "the {runtime} runtime is not ready: {lack}",
    "Something that the requested runtime needs is missing on this machine.",
)


def choose_runtime(asked: GateRuntime, asked_proxy: GateProxy, topology: Topology) -> ChosenRuntime:
    """The runtime of this gate and the proxy on its links.

    `auto` means docker if `chaoslab doctor` reports it as ready, else local; local is what
    `chaoslab.runtimes.choice` chooses. Raises RuntimeUnavailable if a runtime or proxy that was
    requested by name lacks something.
    """
    name, why = _runtime(asked, topology)
    proxy = usual_proxy(name) if asked_proxy == "auto" else asked_proxy
    if name == "docker":
        return ChosenRuntime(asked=asked, taken=name, why=why, proxy=proxy)
    choice = choose(name, topology, proxy)
    if (choice.runtime, proxy) == ("loopback", "toxiproxy"):
        toxiproxy_program()
    if (choice.runtime, proxy) == ("netns", "toxiproxy"):
        raise only_embedded()
    whys = (why, choice.note)
    taken = cast("TakenRuntime", choice.runtime)
    return ChosenRuntime(asked=asked, taken=taken, why="; ".join(filter(None, whys)), proxy=proxy)


def _runtime(asked: GateRuntime, topology: Topology) -> tuple[GateRuntime, str]:
    """Docker or a local runtime, and why it was chosen.

    Raises RuntimeUnavailable if docker or netns was requested by name and lacks something.
    """
    if asked in ("local", "loopback"):
        return asked, "asked for"
    name: GateRuntime = "netns" if asked == "netns" else "docker"
    needs = next(n for n in needs_of(look(topology, topology.source)) if n.runtime == name)
    if asked == name:
        if needs.readiness == "lacking":
            raise RuntimeUnavailable(
                Problem(reason=NOT_READY(runtime=name, lack=lack.what), fix="; ".join(lack.fixes))
                for lack in needs.lacks
            )
        return name, "asked for"
    if needs.readiness == "ready":
        return "docker", "a Docker engine is ready here"
    return "local", f"docker is not ready here: {'; '.join(lack.what for lack in needs.lacks)}"


def check_workers(workers: int) -> None:
    """Raise RuntimeUnavailable if several workers are requested without pytest-xdist."""
    if workers > 1 and not has_xdist():
        reason = NOT_INSTALLED(needed_by="a gate with several workers", package="pytest-xdist")
        fix = f"{sys.executable} -m pip install pytest-xdist, or use one worker"
        raise RuntimeUnavailable(Problem(reason=reason, got=f"{workers} workers", fix=fix))


def has_xdist() -> bool:
    """Whether pytest-xdist is installed, which runs tests in several processes."""
    return importlib.util.find_spec("xdist") is not None

"""Which runtime a gate takes: as it was asked for, or what this machine is ready for."""

from __future__ import annotations

import importlib.util
import sys

from chaoslab.errors import RuntimeUnavailable
from chaoslab.gate.result import RuntimeTaken
from chaoslab.runtimes.doctor.look import look
from chaoslab.runtimes.doctor.needs import needs_of
from chaoslab.spec.gate import GateRuntime
from chaoslab.spec.topology import Topology


def runtime_taken(asked: GateRuntime, topology: Topology) -> RuntimeTaken:
    """The runtime of this gate. `auto` is docker only where `chaoslab doctor` calls it ready.

    Raises RuntimeUnavailable where docker was asked for by name and surely lacks something.
    """
    if asked == "embedded":
        return RuntimeTaken(asked=asked, taken="embedded", why="asked for")
    needs = next(n for n in needs_of(look(topology, topology.source)) if n.runtime == "docker")
    lacks = [lack.what for lack in needs.lacks]
    if asked == "docker":
        if needs.readiness == "lacking":
            mends = [f"  {mend}" for lack in needs.lacks for mend in lack.mends]
            raise RuntimeUnavailable("\n".join((f"no docker runtime: {'; '.join(lacks)}", *mends)))
        return RuntimeTaken(asked=asked, taken="docker", why="asked for")
    if needs.readiness == "ready":
        return RuntimeTaken(asked=asked, taken="docker", why="a Docker engine is ready here")
    return RuntimeTaken(
        asked=asked, taken="embedded", why=f"docker is not ready here: {'; '.join(lacks)}"
    )


def check_workers(workers: int) -> None:
    """Raise RuntimeUnavailable where several workers were asked for and pytest has none."""
    if workers > 1 and not has_xdist():
        mend = f"{sys.executable} -m pip install pytest-xdist, or take one worker"
        raise RuntimeUnavailable(f"{workers} workers need pytest-xdist\n  {mend}")


def has_xdist() -> bool:
    """Whether pytest can run tests in several processes here."""
    return importlib.util.find_spec("xdist") is not None

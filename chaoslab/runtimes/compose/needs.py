"""What labs on a Compose stack need of a machine, and what the machine lacks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import Topology
from chaoslab.runtimes.compose.tool import installed
from chaoslab.runtimes.containers.needs import engine_lacks
from chaoslab.runtimes.doctor.machine import Lack, Look, Machine, Part, lacking

_LIMIT_S = 3.0
_FIX = (
    "sudo apt-get install -y docker-compose-plugin   (Docker's own packages)\n"
    "sudo apt-get install -y docker-compose   (Debian's)\n"
    "without either: docker/airgapped/compose.sh"
)


def looks(topology: Topology) -> Mapping[str, Look]:
    """Maps `Compose` to the only check of this runtime, a function that finds whether Compose is
    installed.
    """
    del topology
    return {"Compose": _compose}


def lacks(machine: Machine) -> Iterator[Lack]:
    """Yield a Lack for each missing package, for Compose, for the engine, and for missing
    images.
    """
    yield from lacking(*machine.packages, *machine.of_runtimes["compose"])
    yield from engine_lacks(machine)


def _compose() -> Part:
    try:
        compose = installed(limit_s=_LIMIT_S)
    except RuntimeUnavailable as error:
        return Part(name="Compose", problem=error.problems[0].what, fix=_FIX)
    return Part(name="Compose", found=f"`{' '.join(compose.command)}` {compose.version}")

"""Chooses the topology for which the doctor checks the machine."""

from __future__ import annotations

from pathlib import Path

from chaoslab import services
from chaoslab.errors import SpecError
from chaoslab.model.loader import load_topology
from chaoslab.model.topology import Service, Topology

_ANY = Topology(
    name="any",
    services={
        "postgres": Service(name="postgres", kind="postgres"),
        "redis": Service(name="redis", kind="redis"),
    },
    apps={},
)


def subject(file: Path | None) -> tuple[Topology, str]:
    """The topology that the doctor uses, and words for people on where it is from.

    It is that of `file`, else the nearest one, else one with PostgreSQL and Redis. Raises SpecError
    only if `file` is given.
    """
    try:
        topology = load_topology(file, kinds=services.kinds())
    except SpecError as error:
        if file is not None:
            raise
        why = str(error.problems[0]).partition("\n")[0]
        return _ANY, f"none ({why}): PostgreSQL and Redis with the default images"
    return topology, topology.source

"""The servers of a Compose stack: they keep the settings and credentials of the file.

A volume of the file may be external, or a folder of the user's. So a lab has a place of its own in
each server, and removes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from chaoslab.model.topology import Service
from chaoslab.services import kind_of
from chaoslab.services.base import ContainerServer, ability


def stack_server(service: Service, env: Mapping[str, str]) -> ContainerServer:
    """A service's server, by what its container is told by the environment.

    Raises RuntimeUnavailable where that kind cannot be used in a stack.
    """
    kind = kind_of(service.kind)
    fix = "run it in the lab's own containers: --chaos-runtime=docker"
    return ability(kind.stack, kind, "be used in a Compose stack", fix)(service, env)

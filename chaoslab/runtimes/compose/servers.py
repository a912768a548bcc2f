"""The servers of a Compose stack, which keep the settings and credentials of the file.

A volume of the file may be external, or a folder of the user. So a lab uses a database of its own
in each server, and removes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from chaoslab.model.topology import Service
from chaoslab.services import kind_of
from chaoslab.services.base import ContainerServer, ability


def stack_server(service: Service, env: Mapping[str, str]) -> ContainerServer:
    """A service's server, by its container's environment variables.

    Raises RuntimeUnavailable if that kind cannot be used in a stack.
    """
    kind = kind_of(service.kind)
    fix = "run it in the lab's own containers: --chaos-runtime=docker"
    return ability(kind.stack, kind, "be used in a Compose stack", fix)(service, env)

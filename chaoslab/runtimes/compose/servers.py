"""The servers of a Compose stack, which keep the settings and credentials of the Compose file.

A volume of the file may be external, or a folder of the user. So a lab makes its own database in
each server, and removes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from chaoslab.model.topology import Service
from chaoslab.services import kind_of
from chaoslab.services.base import ContainerServer, ability


def stack_server(service: Service, env: Mapping[str, str]) -> ContainerServer:
    """The ContainerServer by which a lab uses the server of one service in a stack. `env` has the
    environment variables of its container.

    Raises RuntimeUnavailable if that kind of service cannot be used in a stack.
    """
    kind = kind_of(service.kind)
    fix = "run it in the lab's own containers: --chaos-runtime=docker"
    return ability(kind.stack, kind, "be used in a Compose stack", fix)(service, env)

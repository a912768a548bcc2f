"""Which services of a Compose file may be the app as well as the one that was chosen. Pure."""

from __future__ import annotations

import re

from chaoslab.discover.compose import ComposeService
from chaoslab.discover.folder import Folder
from chaoslab.discover.known import by_image


def rivals(folder: Folder) -> tuple[str, ...]:
    """The names of the other Compose services that may be the app: built here if it is, with a port
    if it has one, and with a server of the file if it uses one.
    """
    app, servers = folder.app, set(folder.hosts)
    if app is None:
        return ()
    return tuple(
        each.name
        for each in folder.stack
        if by_image(each.image) is None
        and bool(each.build) == bool(app.build)
        and bool(each.ports) >= bool(app.ports)
        and _uses(each, servers) >= _uses(app, servers)
    )


def _uses(service: ComposeService, servers: set[str]) -> bool:
    """Whether a service starts after one of the servers, or has a variable that names one."""
    if {name.lower() for name in service.depends_on} & servers:
        return True
    words = (re.split(r"[^\w-]+", value.lower()) for value in service.environment.values())
    return any(servers.intersection(each) for each in words)

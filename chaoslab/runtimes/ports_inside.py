"""The ports of an app that has a network of its own, in which every number is free."""

from __future__ import annotations

from itertools import count

from chaoslab.model.topology import App

_FIRST = 8080


def port_inside(app: App) -> int:
    """The port on which the app should listen: that of the topology, else 8080."""
    return app.port or _FIRST


def named_ports_inside(app: App) -> dict[str, int]:
    """Maps each of the app's names of further ports to a number, from 8081 on. The numbers follow
    from the app alone: a container publishes them before its first boot.
    """
    free = (number for number in count(_FIRST + 1) if number != app.port)
    return dict(zip(app.port_names, free, strict=False))

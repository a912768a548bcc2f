"""Which services the app never connected to while `chaoslab init` looked."""

from __future__ import annotations

from chaoslab.history.events import CanaryProbe
from chaoslab.injection.context import Context
from chaoslab.model.topology import App


async def never_connected(app: App, context: Context) -> tuple[str, ...]:
    """The services of the app's links whose proxies saw no connection but those of the lab's own
    canaries.
    """
    canaries = [each for each in context.journal.history.of(CanaryProbe) if each.client_port]
    found = list[str]()
    for link in (each for each in context.joined if each.app == app.name):
        ours = {each.client_port for each in canaries if each.link == link.name}
        seen = await context.control.connections(link.name)
        if all(each.client_port in ours for each in seen):
            found.append(link.service)
    return tuple(found)

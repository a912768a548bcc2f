"""WEBSOCKET: the delivery of events to users, and a test of it."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.chat import Bridge


async def run(backend: Backend) -> None:
    """Make the connection manager and the bridge, and deliver one event through them as a test.
    Raises RuntimeError if the event does not arrive.
    """
    bridge = Bridge(backend.parts.connections())
    await bridge.check_delivery(backend.settings.limits.reserve_s / 2)
    backend.bridge = bridge

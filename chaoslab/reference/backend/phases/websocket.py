"""WEBSOCKET: the way of an event to its user, and proof that it can be gone."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.chat import Bridge


async def run(backend: Backend) -> None:
    """Build manager and bridge and deliver one event to ourselves through them."""
    bridge = Bridge(backend.parts.connections())
    await bridge.prove_delivery(backend.settings.limits.reserve_s / 2)
    backend.bridge = bridge

"""SERVICES: the objects that requests use."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend, need
from chaoslab.reference.backend.chat import TOOLS, Supervisor


async def run(backend: Backend) -> None:
    """Make the thread service and the agents' supervisor. Neither needs a connection yet."""
    backend.threads = backend.parts.threads(
        need(backend.database, "the database"),
        need(backend.cache, "the cache"),
        need(backend.keys, "the key manager"),
    )
    backend.supervisor = Supervisor(need(backend.models, "the model factory"), TOOLS)

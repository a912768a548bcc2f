"""FINALIZE: is everything there and watched? Only then are requests let in."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend, need
from chaoslab.reference.backend.chat import EVENTS


async def run(backend: Backend) -> None:
    """Validate the parts and the critical path (chat), then open the gate.

    A dependency that an earlier phase was allowed to miss is not demanded again here.
    """
    need(backend.threads, "the thread service")
    for name in ("postgres", "redis"):
        if name not in backend.watched:
            raise RuntimeError(f"{name} is not watched: it would never come back")
    await _validate_chat(backend)
    backend.accepting = True


async def _validate_chat(backend: Backend) -> None:
    supervisor = need(backend.supervisor, "the agents' supervisor")
    bridge = need(backend.bridge, "the bridge")
    seen = [event.type async for event in supervisor.run(bridge, "startup-check", "count this")]
    if tuple(seen) != EVENTS:
        raise RuntimeError(f"a chat run gave {', '.join(seen)}; expected {', '.join(EVENTS)}")

"""FINALIZE: check that all parts exist and are watched, then accept requests."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend, need
from chaoslab.reference.backend.chat import EVENTS


async def run(backend: Backend) -> None:
    """Check that the needed parts exist and that a chat run works, then accept requests.

    A dependency that an earlier phase bypassed is not required here. Raises RuntimeError or
    NotStarted if a check fails.
    """
    need(backend.threads, "the thread service")
    for name in ("postgres", "redis"):
        if name not in backend.watched:
            raise RuntimeError(f"{name} is not watched, so it would never be reconnected")
    await _validate_chat(backend)
    backend.accepting = True


async def _validate_chat(backend: Backend) -> None:
    supervisor = need(backend.supervisor, "the agents' supervisor")
    bridge = need(backend.bridge, "the bridge")
    seen = [event.type async for event in supervisor.run(bridge, "startup-check", "count this")]
    if tuple(seen) != EVENTS:
        raise RuntimeError(f"a chat run gave {', '.join(seen)}; expected {', '.join(EVENTS)}")

"""The seven phases of start-up, in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.phases import (
    cache,
    database,
    dependencies,
    finalize,
    init,
    services,
    websocket,
)
from chaoslab.reference.backend.sequence import Phase

PHASES = (
    Phase(name="init", run=init.run),
    Phase(name="dependencies", run=dependencies.run),
    Phase(name="database", run=database.run, bypassable="postgres"),
    Phase(name="cache", run=cache.run, bypassable="redis"),
    Phase(name="services", run=services.run),
    Phase(name="websocket", run=websocket.run),
    Phase(name="finalize", run=finalize.run),
)


def phases_with(name: str, run: Callable[[Backend], Awaitable[None]]) -> tuple[Phase, ...]:
    """The seven phases, with `run` in place of the function of the phase `name`."""
    return tuple(replace(phase, run=run) if phase.name == name else phase for phase in PHASES)

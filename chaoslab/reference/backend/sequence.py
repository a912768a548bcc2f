"""The start-up sequence: phases in strict order, each timed and booked once, within a limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.dependency import DependencyUnavailable, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One step of start-up. `bypassable` names the dependency that it may be missing."""

    name: str
    run: Callable[[Backend], Awaitable[None]]
    bypassable: str | None = None


class StartupFailed(Exception):
    """Start-up ended without success; the text names the phase, the dependency and the cause."""


StartUp = Callable[[Backend, Sequence[Phase]], Awaitable[None]]


async def start_up(backend: Backend, phases: Sequence[Phase]) -> None:
    """Run the phases. Raises StartupFailed; the record says the same."""
    record, limit_s = backend.record, backend.settings.limits.init_s
    log = logging.getLogger("backend.startup")
    try:
        async with asyncio.timeout(limit_s):
            for phase in phases:
                await _run(backend, phase)
            record.finish()
    except TimeoutError:
        name = record.phase or "unknown"
        record.fail(name, f"start-up lasted longer than its limit of {limit_s:g} s")
        raise _failed(backend, name) from None
    except ValueError as incomplete:
        record.fail("finalize", str(incomplete))
        raise _failed(backend, "finalize") from None
    log.info("start-up complete after %.3f s, mode %s", record.lasted_s, record.mode)


async def _run(backend: Backend, phase: Phase) -> None:
    """One phase: completed, completed degraded by the bypass, or failed; never two of these."""
    record = backend.record
    record.begin(phase.name)
    try:
        await phase.run(backend)
    except DependencyUnavailable as error:
        if phase.bypassable != error.dependency or not _bypass_allowed(backend):
            record.fail(phase.name, str(error), error.dependency)
            raise _failed(backend, phase.name) from error
        record.bypass(phase.name, error.dependency)
        backend.metrics.bypass_activated.labels(error.dependency).inc()
        logging.getLogger("backend.startup").warning(
            "EMERGENCY BYPASS: phase %s goes on without %s (%s)",
            phase.name,
            error.dependency,
            error.cause,
        )
    except Exception as error:
        record.fail(phase.name, reason(error))
        raise _failed(backend, phase.name) from error
    else:
        record.end(phase.name)
    backend.metrics.phase_seconds.labels(phase.name).set(record.timings_s[phase.name])


def _bypass_allowed(backend: Backend) -> bool:
    return backend.settings.emergency_allow_no_database


def _failed(backend: Backend, phase: str) -> StartupFailed:
    return StartupFailed(f"start-up failed in phase {phase}: {backend.record.error}")

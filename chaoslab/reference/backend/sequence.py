"""The start-up sequence: runs the phases in order, records each once, within a time limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.dependency import DependencyUnavailable, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One step of start-up. `bypassable` is the dependency without which the emergency bypass lets
    the phase pass; None if there is none.
    """

    name: str
    run: Callable[[Backend], Awaitable[None]]
    bypassable: str | None = None


class StartupFailed(Exception):
    """Start-up failed; the text names the phase, the dependency and the cause."""


StartUp = Callable[[Backend, Sequence[Phase]], Awaitable[None]]
OnUnavailable = Callable[[Backend, Phase, DependencyUnavailable], None]


def bypass_or_fail(backend: Backend, phase: Phase, error: DependencyUnavailable) -> None:
    """Record a phase whose dependency is unavailable: as completed degraded if the bypass allows
    that.

    Otherwise the phase is recorded as failed, and StartupFailed is raised.
    """
    record = backend.record
    if phase.bypassable != error.dependency or not bypass_allowed(backend):
        record.fail(phase.name, str(error), error.dependency)
        raise startup_failed(backend, phase.name) from error
    record.bypass(phase.name, error.dependency)
    report_bypass(backend, phase, error)


async def start_up(
    backend: Backend, phases: Sequence[Phase], *, on_unavailable: OnUnavailable = bypass_or_fail
) -> None:
    """Run the phases; `on_unavailable` decides about a phase whose dependency is unavailable.

    Raises StartupFailed, after the failure was recorded.
    """
    record, limit_s = backend.record, backend.settings.limits.init_s
    log = logging.getLogger("backend.startup")
    try:
        async with asyncio.timeout(limit_s):
            for phase in phases:
                await _run(backend, phase, on_unavailable)
            record.finish()
    except TimeoutError:
        name = record.phase or "unknown"
        record.fail(name, f"start-up lasted longer than its limit of {limit_s:g} s")
        raise startup_failed(backend, name) from None
    except ValueError as incomplete:
        record.fail("finalize", str(incomplete))
        raise startup_failed(backend, "finalize") from None
    log.info("start-up complete after %.3f s, mode %s", record.lasted_s, record.mode)


async def _run(backend: Backend, phase: Phase, on_unavailable: OnUnavailable) -> None:
    """Run one phase, and record it as completed, completed degraded, or failed. Raises
    StartupFailed if it failed.
    """
    record = backend.record
    record.begin(phase.name)
    try:
        await phase.run(backend)
    except DependencyUnavailable as error:
        on_unavailable(backend, phase, error)
    except Exception as error:
        record.fail(phase.name, reason(error))
        raise startup_failed(backend, phase.name) from error
    else:
        record.end(phase.name)
    backend.metrics.phase_seconds.labels(phase.name).set(record.timings_s[phase.name])


def bypass_allowed(backend: Backend) -> bool:
    """Whether the emergency bypass is allowed."""
    return backend.settings.emergency_allow_no_database


def report_bypass(backend: Backend, phase: Phase, error: DependencyUnavailable) -> None:
    """Report the use of the bypass in a metric and in the log."""
    backend.metrics.bypass_activated.labels(error.dependency).inc()
    logging.getLogger("backend.startup").warning(
        "EMERGENCY BYPASS: phase %s goes on without %s (%s)",
        phase.name,
        error.dependency,
        error.cause,
    )


def startup_failed(backend: Backend, phase: str) -> StartupFailed:
    """The StartupFailed to raise if start-up failed in `phase`, with the record's error text."""
    return StartupFailed(f"start-up failed in phase {phase}: {backend.record.error}")

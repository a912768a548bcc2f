"""The health answers, from the statuses of the dependencies: no answer waits for a dependency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chaoslab.reference.backend import VERSION
from chaoslab.reference.backend.backend import Backend

NOT_CONNECTED = {"status": "down", "error": "not connected yet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of a health check: an HTTP status and the JSON body."""

    status: int
    body: dict[str, object]


# A check may be a coroutine: some defective builds ask a dependency first.
HealthCheck = Callable[[Backend], Answer | Awaitable[Answer]]


def dependencies(backend: Backend) -> dict[str, dict[str, str | None]]:
    """Maps `postgres` and `redis` to the status and the last error of each; down if it was never
    connected.
    """
    database, cache = backend.database, backend.cache
    return {
        "postgres": database.status.as_json() if database else dict(NOT_CONNECTED),
        "redis": cache.status.as_json() if cache else dict(NOT_CONNECTED),
    }


def overall(backend: Backend) -> Answer:
    """The answer of `/health`: 503 (starting or unhealthy) before start-up is complete, and while
    stopping.

    Else 200: healthy, or degraded if a dependency is down.
    """
    record = backend.record
    found = dependencies(backend)
    body: dict[str, object] = {
        "status": "starting",
        "startup_mode": record.mode,
        "dependencies": found,
        "emergency_bypass": bypass(backend),
        "version": VERSION,
    }
    if record.complete and not backend.stopping:
        lost = any(state["status"] != "up" for state in found.values())
        return Answer(status=200, body=body | {"status": "degraded" if lost else "healthy"})
    if backend.stopping:
        return Answer(status=503, body=body | {"status": "unhealthy", "error": "stopping"})
    if record.error is not None:
        failed = {"phase": record.phase, "dependency": record.failed_dependency}
        return Answer(
            status=503, body=body | {"status": "unhealthy", "error": record.error, **failed}
        )
    body["phase"] = record.phase
    stuck_s = backend.settings.limits.startup_stuck_s
    if record.lasted_s > stuck_s:
        error = f"start-up has lasted longer than {stuck_s:g} s"
        return Answer(status=503, body=body | {"status": "unhealthy", "error": error})
    return Answer(status=503, body=body)


def bypass(backend: Backend) -> dict[str, object]:
    """The state of the emergency bypass, for `/health`: whether it is allowed, and what it
    bypassed.
    """
    bypassed = backend.record.bypassed
    return {
        "allowed": backend.settings.emergency_allow_no_database,
        "active": bool(bypassed),
        "postgres": "postgres" in bypassed,
        "redis": "redis" in bypassed,
    }


def live(backend: Backend) -> Answer:  # noqa: ARG001 - the same shape as the other checks
    """The answer of `/health/live`: 200 while the process lives and its event loop runs."""
    return Answer(status=200, body={"status": "alive"})


def ready(backend: Backend) -> Answer:
    """The answer of `/health/ready`: 200 if requests can be served, else 503. Redis is not
    required.
    """
    if not backend.record.complete or not backend.accepting:
        return _not_ready("start-up is not complete")
    if backend.database is None or not backend.database.status.up:
        error = backend.database.status.error if backend.database else "not connected"
        return _not_ready(f"postgres is down: {error}", "postgres")
    breaker = backend.resilience and backend.resilience.breaker("postgres")
    if breaker and breaker.state == "open":
        return _not_ready("postgres failed repeatedly: circuit breaker open", "postgres")
    redis_up = backend.cache is not None and backend.cache.status.up
    return Answer(status=200, body={"status": "ready", "degraded": not redis_up})


def _not_ready(why: str, dependency: str | None = None) -> Answer:
    body: dict[str, object] = {"status": "not_ready", "reason": why, "dependency": dependency}
    return Answer(status=503, body=body)


def startup(backend: Backend) -> Answer:
    """The answer of `/health/startup`: the record of the start-up; always 200."""
    record = backend.record
    found = dependencies(backend)
    body: dict[str, object] = {
        "startup_complete": record.complete,
        "startup_in_progress": record.in_progress,
        "startup_failed": record.error is not None,
        "startup_error": record.error,
        "startup_phase": record.phase,
        "startup_start_time": record.start_time,
        "startup_phase_timings": dict(record.timings_s),
        "startup_completed_phases": list(record.completed),
        "startup_failed_phases": list(record.failed),
        "startup_degraded_phases": list(record.degraded),
        "startup_mode": record.mode,
        "database_available": found["postgres"]["status"] == "up",
        "redis_available": found["redis"]["status"] == "up",
        "emergency_database_bypassed": "postgres" in record.bypassed,
        "emergency_redis_bypassed": "redis" in record.bypassed,
    }
    return Answer(status=200, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChecks:
    """The four health checks; a defective build replaces one of them."""

    overall: HealthCheck = overall
    live: HealthCheck = live
    ready: HealthCheck = ready
    startup: HealthCheck = startup

"""The record of a start-up, the sequence that writes it, and the health answers made from it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from chaoslab.reference.backend import health
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.dependency import DependencyUnavailable
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.record import StartupRecord
from chaoslab.reference.backend.sequence import Phase, StartupFailed, start_up
from chaoslab.reference.backend.settings import read

ENVIRONMENT = {
    "DATABASE_URL": "postgresql://db/x",
    "REDIS_URL": "redis://cache/0",
    "PROFILE": "lab",
}


def backend_of(phases: list[str], **environment: str) -> Backend:
    settings = read(ENVIRONMENT | environment)
    return Backend(settings, parts=Parts(), record=StartupRecord(phases))


async def works(_backend: Backend) -> None:
    return


async def finds_no_database(_backend: Backend) -> None:
    raise DependencyUnavailable("postgres", "db:5432", "refused")


SEQUENCE = (
    Phase(name="first", run=works),
    Phase(name="database", run=finds_no_database, bypassable="postgres"),
    Phase(name="last", run=works),
)
NAMES = [phase.name for phase in SEQUENCE]


async def test_a_bypassed_phase_is_completed_degraded_and_never_failed() -> None:
    """The phases after it run, and start-up completes."""
    backend = backend_of(NAMES, EMERGENCY_ALLOW_NO_DATABASE="1")
    await start_up(backend, SEQUENCE)
    record = backend.record
    assert record.complete
    assert record.completed == NAMES
    assert (record.degraded, record.failed) == (["database"], [])
    assert record.mode == "emergency_degraded"
    assert set(record.timings_s) == set(NAMES)


async def test_without_the_bypass_the_phase_is_failed_and_named_with_its_cause() -> None:
    """No later phase runs."""
    backend = backend_of(NAMES)
    with pytest.raises(StartupFailed, match=r"phase database: postgres .*db:5432: refused"):
        await start_up(backend, SEQUENCE)
    assert backend.record.failed == ["database"]
    assert backend.record.completed == ["first"]
    assert not backend.record.in_progress
    assert backend.record.mode == "normal"


async def test_the_bypass_is_for_the_phases_own_dependency_only() -> None:
    """A phase fails if another dependency is unavailable, even with the bypass."""
    backend = backend_of(["services"], EMERGENCY_ALLOW_NO_DATABASE="1")
    with pytest.raises(StartupFailed):
        await start_up(backend, [Phase(name="services", run=finds_no_database)])


async def test_the_init_limit_bounds_the_whole_sequence_and_names_the_phase() -> None:
    """The time of two phases reduces that of the third, which alone would not reach the limit."""
    backend = backend_of(["a", "b", "c"], LIMIT_INIT_S="3", LIMIT_RESERVE_S="0.1",
                         LIMIT_REDIS_CONNECT_S="0.1")  # fmt: skip

    async def drags(_backend: Backend) -> None:
        await asyncio.sleep(0.75)

    async def hangs(_backend: Backend) -> None:
        await asyncio.sleep(60)

    phases = [Phase(name="a", run=drags), Phase(name="b", run=drags), Phase(name="c", run=hangs)]
    with pytest.raises(StartupFailed, match=r"phase c: .*limit of 3 s"):
        await start_up(backend, phases)
    assert backend.record.completed == ["a", "b"]
    # With a limit for each phase it would take 4.5 s; the margins are for a stall.
    assert 2.99 <= backend.record.lasted_s < 4.4


async def test_a_sequence_that_leaves_a_phase_out_is_not_complete() -> None:
    """The error names the missing phase."""
    backend = backend_of(["first", "last"])
    with pytest.raises(StartupFailed, match="last did not complete"):
        await start_up(backend, SEQUENCE[:1])


async def test_a_phase_that_crashes_fails_start_up_with_its_error_text() -> None:
    """Neither ignored nor a traceback."""
    backend = backend_of(["a"], EMERGENCY_ALLOW_NO_DATABASE="1")

    async def crashes(_backend: Backend) -> None:
        raise RuntimeError("no tools registered")

    with pytest.raises(StartupFailed, match="phase a: no tools registered"):
        await start_up(backend, [Phase(name="a", run=crashes)])


async def test_health_is_starting_then_unhealthy_when_start_up_lasts_too_long() -> None:
    """Both 503; the limit is the incident's 300 s, scaled."""
    backend = backend_of(NAMES)
    backend.record.begin("database")
    assert (health.overall(backend).status, health.overall(backend).body["status"]) == (
        503,
        "starting",
    )
    limits = replace(backend.settings.limits, startup_stuck_s=0.0)
    backend.settings = replace(backend.settings, limits=limits)
    assert (health.overall(backend).status, health.overall(backend).body["status"]) == (
        503,
        "unhealthy",
    )


async def test_health_after_a_failed_start_names_phase_and_dependency() -> None:
    """503 unhealthy."""
    backend = backend_of(NAMES)
    with pytest.raises(StartupFailed):
        await start_up(backend, SEQUENCE)
    answer = health.overall(backend)
    assert answer.status == 503
    assert answer.body["status"] == "unhealthy"
    assert answer.body["dependency"] == "postgres"
    assert health.ready(backend).status == 503
    assert health.startup(backend).body["startup_failed"] is True

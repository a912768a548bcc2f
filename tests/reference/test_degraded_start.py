"""The real process, started while its dependencies are down, then healed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import SLOW_TO_FAIL
from .process import BackendProcess
from .relay import Mode, Relay
from .servers import PostgresServer

Boot = Callable[..., BackendProcess]
BYPASS = {"EMERGENCY_ALLOW_NO_DATABASE": "true"}


@pytest.mark.parametrize("mode", ["refused", "silent"])
def test_it_starts_degraded_with_both_paths_cut_and_becomes_healthy_when_they_heal(
    boot: Boot, postgres_path: Relay, redis_path: Relay, postgres: PostgresServer, mode: Mode
) -> None:
    """200 degraded naming both, 503 for requests; after the heal healthy in the same process."""
    postgres_path.cut(mode)
    redis_path.cut(mode)
    backend = boot(**BYPASS)

    body = backend.wait_for("degraded", 10)
    assert body["startup_mode"] == "emergency_degraded"
    assert body["dependencies"]["postgres"]["status"] == "down"
    assert body["dependencies"]["redis"]["status"] == "down"
    assert body["emergency_bypass"] == {
        "allowed": True,
        "active": True,
        "postgres": True,
        "redis": True,
    }
    assert backend.get("/health/ready").status_code == 503
    refused = backend.post("/threads", {"title": "x"})
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["dependency"] == "postgres"
    metrics = backend.get("/metrics").text
    assert 'emergency_bypass_activated_total{dependency="postgres"} 1.0' in metrics
    assert 'emergency_bypass_activated_total{dependency="redis"} 1.0' in metrics
    assert backend.log.count("EMERGENCY BYPASS") == 2
    startup = backend.get("/health/startup").json()
    assert startup["startup_complete"] is True
    assert startup["startup_failed_phases"] == []
    assert startup["startup_degraded_phases"] == ["database", "cache"]
    assert len(startup["startup_completed_phases"]) == 7

    postgres_path.heal()
    redis_path.heal()
    # The longest Redis back-off of the profile, with its jitter, is 2.25 s.
    body = backend.wait_for("healthy", 15)
    assert body["startup_mode"] == "emergency_degraded"
    thread = backend.post("/threads", {"title": "after"}).json()["id"]
    assert postgres.query("SELECT title FROM threads WHERE id = %s", thread) == [("after",)]
    assert backend.process.poll() is None


def test_without_the_bypass_a_dead_database_ends_it_with_3_and_the_reason(
    boot: Boot, postgres_path: Relay
) -> None:
    """Within the init limit; /health has the reason before the end, the last log line after it."""
    postgres_path.cut("refused")
    backend = boot(LIMIT_LINGER_S="3")  # the profile's 0.25 s are too short to observe
    body = backend.wait_for("unhealthy", 10)
    assert body["dependency"] == "postgres"
    assert backend.wait_exit(15) == 3
    last = backend.log.strip().splitlines()[-1]
    address = f"127.0.0.1:{postgres_path.port}"
    assert f"start-up failed in phase database: postgres unreachable at {address}" in last
    assert "refused" in last


def test_a_hung_database_does_not_stop_health_from_answering(
    boot: Boot, postgres_path: Relay
) -> None:
    """While DATABASE waits, the answer is 503 starting, at once."""
    postgres_path.cut("silent")
    backend = boot(LIMIT_CONNECT_S="8", LIMIT_INIT_S="12")
    body = backend.wait_for("starting", 10)
    assert body["phase"] == "database"
    answer = backend.get("/health", timeout_s=2.5)  # much less than the wait for the database
    assert answer.status_code == 503
    assert backend.get("/health/live").json() == {"status": "alive"}
    assert backend.get("/health/ready").status_code == 503
    assert backend.post("/threads", {"title": "x"}).status_code == 503
    assert backend.wait_exit(20) == 3
    assert "no answer within" in backend.log.strip().splitlines()[-1]


def test_without_redis_it_is_ready_and_degraded(boot: Boot, redis_path: Relay) -> None:
    """Requests only need Postgres; the answer names Redis."""
    redis_path.cut("refused")
    backend = boot(**BYPASS)
    body = backend.wait_for("degraded", 10)
    assert body["dependencies"]["postgres"]["status"] == "up"
    assert body["emergency_bypass"]["redis"] is True
    assert body["emergency_bypass"]["postgres"] is False
    ready = backend.get("/health/ready")
    assert (ready.status_code, ready.json()["degraded"]) == (200, True)
    thread = backend.post("/threads", {"title": "x"}).json()["id"]
    assert backend.get(f"/threads/{thread}/messages").json() == []


def test_a_path_that_heals_during_the_start_gives_a_normal_start(
    boot: Boot, postgres_path: Relay
) -> None:
    """A later try within the connect limit succeeds."""
    postgres_path.cut("silent")
    backend = boot(**BYPASS, **SLOW_TO_FAIL)
    backend.wait_for("starting", 10)
    postgres_path.heal()
    assert backend.wait_for("healthy", 30)["startup_mode"] == "normal"

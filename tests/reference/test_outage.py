"""Outages that want a process of their own: servers restarted, limits changed, a stop in one."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

import httpx

from .process import BackendProcess
from .relay import Relay
from .servers import PostgresServer, RedisServer, wait_until

Boot = Callable[..., BackendProcess]


def test_a_users_request_as_first_traffic_after_a_restart_of_postgres_succeeds(
    boot: Boot, postgres: PostgresServer
) -> None:
    """Pooled connections that died with the old server are never handed out.

    The watch is slowed to a minute, so that nothing but the request can find the pool stale.
    """
    backend = boot(LIMIT_POSTGRES_CHECK_EVERY_S="60")
    backend.wait_for("healthy", 10)
    assert backend.post("/threads", {"title": "before"}).status_code == 201
    postgres.stop()
    postgres.start()
    assert backend.post("/threads", {"title": "after"}).status_code == 201
    assert backend.status() == "healthy"


def test_a_request_that_meets_a_dead_path_marks_it_at_once_and_the_breaker_spares_the_next(
    boot: Boot, postgres_path: Relay
) -> None:
    """503 naming Postgres; after three failures refused without a try; healed, all is well."""
    backend = boot(LIMIT_POSTGRES_CHECK_EVERY_S="60", LIMIT_RETRY_BASE_S="60")
    backend.wait_for("healthy", 10)
    postgres_path.cut("silent")
    answer = backend.post("/threads", {"title": "x"})
    assert answer.status_code == 503
    assert answer.json()["dependency"] == "postgres"
    # No answer within the health limit, none for a fresh connection: within the pool wait of 1.5 s.
    assert answer.elapsed.total_seconds() < 3
    assert backend.status() == "degraded"
    for _ in range(3):
        backend.post("/threads", {"title": "x"})
    began = time.monotonic()
    refused = backend.post("/threads", {"title": "x"})
    assert "circuit breaker open" in refused.json()["detail"]
    assert time.monotonic() - began < 0.3
    postgres_path.heal()
    # Half-open after 1.5 s: a request is the probe that brings it back.
    wait_until(lambda: backend.post("/threads", {"title": "x"}).is_success, 4, "a write succeeds")
    assert backend.status() == "healthy"


def test_a_slow_database_is_not_a_lost_one(boot: Boot, postgres_path: Relay) -> None:
    """125 ms per answer, the incident's 5 s in this profile: starts, serves, stays healthy."""
    postgres_path.delay_s = 0.125
    backend = boot()
    backend.wait_for("healthy", 10)
    began = time.monotonic()
    assert backend.post("/threads", {"title": "x"}).status_code == 201
    assert 0.125 <= time.monotonic() - began < 2
    while time.monotonic() - began < 1.0:
        assert backend.status() == "healthy"


def test_it_stops_quickly_while_a_request_hangs_on_a_silent_database(
    boot: Boot, postgres_path: Relay, redis_path: Relay
) -> None:
    """SIGTERM ends it with 0 in well under its pool wait limit."""
    backend = boot(LIMIT_HEALTH_S="30", LIMIT_POOL_WAIT_S="30")
    backend.wait_for("healthy", 10)
    postgres_path.cut("silent")
    redis_path.cut("silent")
    hung = threading.Thread(
        target=lambda: _ignore(lambda: backend.post("/threads", {"title": "x"}))
    )
    hung.start()
    time.sleep(0.2)
    # 1 s is asked for; a loaded machine gets another.
    assert backend.stop() < 2
    assert backend.process.returncode == 0
    hung.join(5)
    assert "Traceback" not in backend.log


def test_both_servers_restarted_at_once_are_found_again(
    boot: Boot, postgres: PostgresServer, redis: RedisServer
) -> None:
    """Healthy with a write and a cached read after both came back on their ports."""
    backend = boot()
    backend.wait_for("healthy", 10)
    postgres.stop()
    redis.stop()
    body = backend.wait_for("degraded", 4)
    assert {d["status"] for d in body["dependencies"].values()} <= {"up", "down"}
    postgres.start()
    redis.start()
    backend.wait_for("healthy", 5)
    assert backend.post("/threads", {"title": "x"}).status_code == 201


def _ignore(call: Callable[[], object]) -> None:
    with contextlib.suppress(httpx.TransportError):
        call()


def test_it_stops_quickly_while_start_up_hangs(boot: Boot, postgres_path: Relay) -> None:
    """SIGTERM in the DATABASE phase ends it with 0, not with a failed start."""
    postgres_path.cut("silent")
    backend = boot()
    backend.wait_for("starting", 10)
    assert backend.stop() < 2
    assert backend.process.returncode == 0
    assert "Traceback" not in backend.log


def test_a_port_that_is_taken_is_told_in_one_line(boot: Boot) -> None:
    """Exit 1, with the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        backend = boot(PORT=str(port))
        assert backend.wait_exit(10) == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in backend.log
    assert len(backend.log.splitlines()) == 1

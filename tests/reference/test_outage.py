"""Outages that need their own process: restarted servers, other limits, a stop during one."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import httpx

from chaoslab.reference.backend.profiles import PROFILES

from .conftest import PATIENT, SLOW_TO_FAIL
from .process import BackendProcess
from .relay import Relay
from .servers import PostgresServer, RedisServer, wait_until

Boot = Callable[..., BackendProcess]


def test_a_users_request_as_first_traffic_after_a_restart_of_postgres_succeeds(
    boot: Boot, postgres: PostgresServer
) -> None:
    """Pooled connections that the old server closed are never used.

    The monitor checks once a minute, so only the request can find the dead pool.

    """
    backend = boot(LIMIT_POSTGRES_CHECK_EVERY_S="60", **PATIENT)
    backend.wait_for("healthy", 10)
    assert backend.post("/threads", {"title": "before"}).status_code == 201
    postgres.stop()
    postgres.start()
    assert backend.post("/threads", {"title": "after"}).status_code == 201
    assert backend.status() == "healthy"


def test_a_request_on_a_dead_path_sets_the_status_and_the_breaker_opens(
    boot: Boot, postgres_path: Relay
) -> None:
    """503 naming Postgres; after three failures refused without a try; after the heal served."""
    # The breaker stays open longer than a machine stalls between the failure and the next request.
    backend = boot(
        LIMIT_POSTGRES_CHECK_EVERY_S="60", LIMIT_RETRY_BASE_S="60", LIMIT_BREAKER_OPEN_S="4"
    )
    backend.wait_for("healthy", 10)
    postgres_path.cut("silent")
    answer = backend.post("/threads", {"title": "x"})
    assert answer.status_code == 503
    assert answer.json()["dependency"] == "postgres"
    # No answer within the health limit, none for a fresh connection: within the pool wait of 1.5 s.
    assert answer.elapsed.total_seconds() < 4  # the rest is for a busy machine
    assert backend.status() == "degraded"
    for _ in range(3):
        backend.post("/threads", {"title": "x"})
    began = [time.monotonic()]
    for _ in range(3):
        refused = backend.post("/threads", {"title": "x"})
        assert "circuit breaker open" in refused.json()["detail"]
        began.append(time.monotonic())
    # The fastest of three, for a machine that stalls; without the breaker each would wait.
    assert min(after - before for before, after in pairwise(began)) < 0.3
    postgres_path.heal()
    # Half-open after 4 s: a request is the probe that closes the breaker.
    wait_until(lambda: backend.post("/threads", {"title": "x"}).is_success, 15, "a write succeeds")
    assert backend.status() == "healthy"


def test_a_slow_database_is_not_a_lost_one(boot: Boot, postgres_path: Relay) -> None:
    """250 ms for each answer, the incident's 5 s at these limits: starts, serves, stays healthy."""
    postgres_path.delay_s = 0.25
    # All limits of the profile doubled, so that a stall counts as slow, not as lost.
    names = ("init", "tables", "connect", "pool_wait", "health", "redis_connect", "reserve")
    limits = {name: getattr(PROFILES["lab"], f"{name}_s") for name in names}
    backend = boot(**{f"LIMIT_{name.upper()}_S": str(2 * limits[name]) for name in names})
    backend.wait_for("healthy", 20)
    began = time.monotonic()
    assert backend.post("/threads", {"title": "x"}).status_code == 201
    assert 0.25 <= time.monotonic() - began < 2 * limits["pool_wait"] + 1
    began = time.monotonic()
    while time.monotonic() - began < 2.0:
        assert backend.status() == "healthy"


def test_it_stops_quickly_while_a_request_hangs_on_a_silent_database(
    boot: Boot, postgres_path: Relay, redis_path: Relay
) -> None:
    """SIGTERM ends it with 0, much sooner than its pool wait limit."""
    backend = boot(LIMIT_HEALTH_S="30", LIMIT_POOL_WAIT_S="30")
    backend.wait_for("healthy", 10)
    postgres_path.cut("silent")
    redis_path.cut("silent")
    hung = threading.Thread(
        target=lambda: _ignore(lambda: backend.post("/threads", {"title": "x"}))
    )
    hung.start()
    time.sleep(0.2)
    # 1 s is asked for; a loaded machine gets more, far below the limits.
    assert backend.stop() < 4
    assert backend.process.returncode == 0
    hung.join(5)
    assert "Traceback" not in backend.log


def test_it_reconnects_after_both_servers_were_restarted(
    boot: Boot, postgres: PostgresServer, redis: RedisServer
) -> None:
    """Healthy, with a write and a cached read."""
    backend = boot(**PATIENT)
    backend.wait_for("healthy", 10)
    postgres.stop()
    redis.stop()
    body = backend.wait_for("degraded", 10)
    assert {d["status"] for d in body["dependencies"].values()} <= {"up", "down"}
    postgres.start()
    redis.start()
    backend.wait_for("healthy", 15)
    assert backend.post("/threads", {"title": "x"}).status_code == 201


def _ignore(call: Callable[[], object]) -> None:
    with contextlib.suppress(httpx.TransportError):
        call()


def test_it_stops_quickly_while_start_up_hangs(boot: Boot, postgres_path: Relay) -> None:
    """SIGTERM during the DATABASE phase ends it with 0, not as a failed start."""
    postgres_path.cut("silent")
    backend = boot(**SLOW_TO_FAIL)
    backend.wait_for("starting", 10)
    assert backend.stop() < 4  # 1 s is asked for, and the start would fail after 20
    assert backend.process.returncode == 0
    assert "Traceback" not in backend.log


def test_a_taken_port_is_reported_in_one_line(boot: Boot) -> None:
    """Exit 1, with the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        backend = boot(PORT=str(port))
        assert backend.wait_exit(10) == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in backend.log
    assert len(backend.log.splitlines()) == 1

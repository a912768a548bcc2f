"""Each build with a defect of health or recovery shows the real system's symptom, as a process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from chaoslab.corpus.records import read_defects, shipped
from chaoslab.expectations.registry import expectations
from reference.defects.test_records import scenarios
from reference.process import BackendProcess
from reference.relay import Relay
from reference.servers import PostgresServer, wait_until

Boot = Callable[..., BackendProcess]
PACKAGE = "chaoslab.reference.defects"
BYPASS = {"EMERGENCY_ALLOW_NO_DATABASE": "true"}
LIMIT_S = 15  # how long to wait for what must come, on a machine that stalls
OPEN_S = 2.5  # how long the breaker stays open: longer than a machine stalls between two requests
THREAD = {"title": "x"}


@pytest.fixture
def healthy(boot: Boot) -> Callable[[str], BackendProcess]:
    """Starts a build with all its servers there, and returns it healthy."""

    def start(build: str) -> BackendProcess:
        backend = boot(f"{PACKAGE}.{build}", LIMIT_BREAKER_OPEN_S=str(OPEN_S))
        backend.wait_for("healthy", LIMIT_S)
        return backend

    return start


@pytest.fixture
def degraded(
    boot: Boot, postgres_path: Relay, redis_path: Relay
) -> Callable[[str], BackendProcess]:
    """Starts a build while both paths refuse, and returns it degraded."""

    def start(build: str) -> BackendProcess:
        postgres_path.cut("refused")
        redis_path.cut("refused")
        backend = boot(f"{PACKAGE}.{build}", LOG_LEVEL="DEBUG", **BYPASS)
        backend.wait_for("degraded", LIMIT_S)
        return backend

    return start


def lost(backend: BackendProcess, *names: str) -> None:
    """Waits until its own watch has found these dependencies down."""
    for name in names:
        wait_until(lambda n=name: f"{n} is down" in backend.log, LIMIT_S, f"{name} is seen down")


def refused(backend: BackendProcess) -> str:
    """Why a write is refused, by what the user is told."""
    answer = backend.post("/threads", THREAD)
    assert answer.status_code == 503
    return str(answer.json()["detail"])


def opened(backend: BackendProcess) -> None:
    """Writes until the breaker refuses."""
    wait_until(lambda: "circuit breaker open" in refused(backend), LIMIT_S, "the breaker is open")


@pytest.mark.parametrize("number", range(14, 28))
def test_a_record_names_what_exists_and_cites_no_figure_of_the_clock(number: int) -> None:
    """A name that nobody knows, or a time, would count a defect as missed for ever."""
    (defect,) = (d for d in read_defects(shipped()) if d.number == number)
    assert {run.split("[")[0] for run in defect.runs} <= scenarios()
    assert {defect.primary, *defect.also} <= set(expectations())
    assert not [cite for cite in defect.cites if re.search(r"\d\.\d", str(cite))]


def test_health_blind_says_healthy_with_everything_gone(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay, redis_path: Relay
) -> None:
    """200 healthy, and not a word of a dependency."""
    backend = healthy("health_blind")
    postgres_path.cut("refused")
    redis_path.cut("refused")
    lost(backend, "postgres", "redis")
    assert backend.get("/health").json() == {"status": "healthy", "version": "1.0.0"}


def test_degraded_overwritten_contradicts_itself(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay, redis_path: Relay
) -> None:
    """Healthy, with both dependencies down in the same answer."""
    backend = healthy("degraded_overwritten")
    postgres_path.cut("refused")
    redis_path.cut("refused")
    lost(backend, "postgres", "redis")
    body = backend.get("/health").json()
    assert body["status"] == "healthy"
    assert {d["status"] for d in body["dependencies"].values()} == {"down"}


def test_health_hangs_on_dead_database_until_the_path_is_back(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay
) -> None:
    """No answer for longer than any prober waits, while liveness answers."""
    backend = healthy("health_hangs_on_dead_database")
    postgres_path.cut("silent")
    with pytest.raises(httpx.ReadTimeout):
        backend.get("/health", timeout_s=2.0)
    assert backend.get("/health/live").status_code == 200
    postgres_path.heal()
    backend.wait_for("healthy", LIMIT_S)


def test_probe_slower_than_its_limit_only_with_both_gone(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay, redis_path: Relay
) -> None:
    """One silent dependency costs one time-out of 0.4 s, two cost two."""
    backend = healthy("probe_slower_than_its_limit")
    redis_path.cut("refused")
    took_s = []
    for _ in range(3):
        one = backend.get("/health/ready")
        assert (one.status_code, one.json()["degraded"]) == (200, True)
        took_s.append(one.elapsed.total_seconds())
    assert min(took_s) < 0.4  # nothing is waited for in any of them, and a stall hits one
    redis_path.heal()
    postgres_path.cut("silent")
    redis_path.cut("silent")
    both = backend.get("/health/ready")
    assert both.status_code == 503
    assert 0.8 <= both.elapsed.total_seconds() < 4  # the rest is a busy machine's


def test_crashed_check_dropped_forgets_what_it_lost(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay
) -> None:
    """Healthy, and Postgres is not mentioned."""
    backend = healthy("crashed_check_dropped")
    assert set(backend.get("/health").json()["dependencies"]) == {"postgres", "redis"}
    postgres_path.cut("refused")
    lost(backend, "postgres")
    body = backend.get("/health").json()
    assert (body["status"], list(body["dependencies"])) == ("healthy", ["redis"])


def test_ready_equals_live_is_ready_for_requests_that_it_refuses(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay
) -> None:
    """Readiness 200, health degraded, a write 503."""
    backend = healthy("ready_equals_live")
    postgres_path.cut("refused")
    lost(backend, "postgres")
    assert backend.status() == "degraded"
    assert "postgres unreachable" in refused(backend)
    assert backend.get("/health/ready").status_code == 200


def test_breaker_stuck_open_stays_open_while_users_try(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay
) -> None:
    """Healthy again, and refusing for longer than the open time; only silence closes it."""
    backend = healthy("breaker_stuck_open")
    postgres_path.cut("refused")
    opened(backend)
    postgres_path.heal()
    backend.wait_for("healthy", LIMIT_S)
    until = time.monotonic() + 1.5 * OPEN_S
    while time.monotonic() < until:
        assert "circuit breaker open" in refused(backend)
        time.sleep(0.05)
    time.sleep(1.1 * OPEN_S)
    assert backend.post("/threads", THREAD).status_code == 201


def test_half_open_wedge_refuses_for_ever_once_a_probe_was_cancelled(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay
) -> None:
    """The path is back, health is healthy, the open time is over, and no write gets through."""
    backend = healthy("half_open_wedge")
    postgres_path.cut("silent")
    opened(backend)
    wait_until(lambda: "circuit breaker open" not in refused(backend), LIMIT_S, "a probe hangs")
    postgres_path.heal()
    backend.wait_for("healthy", LIMIT_S)
    until = time.monotonic() + 1.5 * OPEN_S
    while time.monotonic() < until:
        assert "circuit breaker open" in refused(backend)
        time.sleep(0.3)


def test_half_open_wedge_survives_an_outage_that_no_request_met(
    healthy: Callable[[str], BackendProcess], postgres_path: Relay
) -> None:
    """Nothing was cancelled: served as soon as the open time is over."""
    backend = healthy("half_open_wedge")
    postgres_path.cut("silent")
    lost(backend, "postgres")
    time.sleep(OPEN_S)  # the breaker opens by the monitor's tries alone
    postgres_path.heal()
    backend.wait_for("healthy", LIMIT_S)
    wait_until(lambda: backend.post("/threads", THREAD).is_success, LIMIT_S, "a write")


def test_backoff_blackout_does_not_look_when_the_path_is_back(
    degraded: Callable[[str], BackendProcess], postgres_path: Relay, redis_path: Relay
) -> None:
    """Redis returns; Postgres, which failed often enough, is not tried."""
    backend = degraded("backoff_blackout")
    wait_until(lambda: "failed 7 times, next try in" in backend.log, LIMIT_S, "it rests")
    postgres_path.cut("refused")  # counts anew
    postgres_path.heal()
    redis_path.heal()
    wait_until(lambda: dependency(backend, "redis") == "up", LIMIT_S, "Redis is back")
    time.sleep(2.0)  # the subject: a good build tries each 1.125 s at least
    assert dependency(backend, "postgres") == "down"
    assert postgres_path.opened == 0


def dependency(backend: BackendProcess, name: str) -> str:
    """`up` or `down`, by its health."""
    return str(backend.get("/health").json()["dependencies"][name]["status"])


def test_stale_pool_costs_the_first_users_an_error(
    healthy: Callable[[str], BackendProcess], postgres: PostgresServer
) -> None:
    """Healthy after a restart of Postgres; the first write fails, a later one does not."""
    backend = healthy("stale_pool")
    assert backend.post("/threads", THREAD).status_code == 201
    postgres.stop()
    postgres.start()
    backend.wait_for("healthy", LIMIT_S)
    assert "postgres unreachable" in refused(backend)
    wait_until(lambda: backend.post("/threads", THREAD).is_success, LIMIT_S, "the pool is renewed")


def test_no_reconnect_stays_degraded(
    degraded: Callable[[str], BackendProcess], postgres_path: Relay, redis_path: Relay
) -> None:
    """Both paths are whole again, and nobody takes them."""
    backend = degraded("no_reconnect")
    postgres_path.heal()
    redis_path.heal()
    time.sleep(2.0)  # the subject: a good build tries each 1.125 s at least
    assert backend.status() == "degraded"
    assert (postgres_path.opened, redis_path.opened) == (0, 0)


def test_connection_leak_leaves_clients_on_the_server(
    healthy: Callable[[str], BackendProcess], postgres: PostgresServer, postgres_path: Relay
) -> None:
    """Tries that were given up end as clients, and live on after the recovery."""
    backend = healthy("connection_leak")
    before = wait_until(postgres.connections, LIMIT_S, "the pool is there")
    postgres_path.delay_s = 1.0
    lost(backend, "postgres")
    tried = postgres_path.opened
    wait_until(lambda: postgres_path.opened >= tried + 4, LIMIT_S, "four tries")
    postgres_path.delay_s = 0.0
    backend.wait_for("healthy", LIMIT_S)
    wait_until(
        lambda: postgres.connections() >= before + 3, LIMIT_S, "the tries that were given up"
    )
    time.sleep(1.0)
    assert postgres.connections() >= before + 3


def test_retry_storm_hammers_a_dead_path_and_comes_back_as_a_herd(
    degraded: Callable[[str], BackendProcess], postgres_path: Relay, redis_path: Relay
) -> None:
    """Sixty tries in a second, where a good build makes three; a herd of pools at the heal."""
    backend = degraded("retry_storm")
    before = backend.log.count("postgres unreachable at")
    # Within eight, for a machine that stalls; a good build makes two dozen in them.
    wait_until(
        lambda: backend.log.count("postgres unreachable at") - before > 60, 8, "over sixty tries"
    )
    # The heal must meet a whole round of tries, held, and not the last of one that was refused.
    postgres_path.cut("silent")
    held = wait_until(
        lambda: postgres_path.opened >= 10 and postgres_path.opened, LIMIT_S, "a round"
    )
    postgres_path.heal()
    redis_path.heal()
    backend.wait_for("healthy", LIMIT_S)
    wait_until(
        lambda: postgres_path.opened >= held + 10, LIMIT_S, "the herd; a good build opens two"
    )


def test_acked_write_lost_acknowledges_what_it_forgets(
    healthy: Callable[[str], BackendProcess], postgres: PostgresServer, postgres_path: Relay
) -> None:
    """201 while the path is cut; healthy again, the thread is not in Postgres."""
    backend, thread = healthy("acked_write_lost"), str(uuid4())
    postgres_path.cut("refused")
    assert backend.post("/threads", {"title": "x", "id": thread}).status_code == 201
    lost(backend, "postgres")
    postgres_path.heal()
    wait_until(lambda: dependency(backend, "postgres") == "up", LIMIT_S, "Postgres is back")
    assert backend.post("/threads", THREAD).status_code == 201
    assert backend.get(f"/threads/{thread}").status_code == 404
    assert postgres.query("SELECT 1 FROM threads WHERE id = %s", thread) == []

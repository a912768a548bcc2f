"""Each build with a start-up defect shows the symptom that the real system had, as a process."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import httpx
import pytest

from reference.process import BackendProcess
from reference.relay import Mode, Relay
from reference.servers import wait_until

Boot = Callable[..., BackendProcess]
BYPASS = {"EMERGENCY_ALLOW_NO_DATABASE": "true"}
PACKAGE = "chaoslab.reference.defects"
LAST_WORDS = 5  # what an operator sees of a log


@pytest.fixture
def severed(postgres_path: Relay, redis_path: Relay) -> Callable[[Mode], None]:
    """Cuts both paths, as the connector's end did."""

    def cut(mode: Mode) -> None:
        postgres_path.cut(mode)
        redis_path.cut(mode)

    return cut


def last_words(backend: BackendProcess) -> str:
    return "\n".join(backend.log.strip().splitlines()[-LAST_WORDS:])


def test_early_return_never_completes(boot: Boot, severed: Callable[[Mode], None]) -> None:
    """The bypass acts in DATABASE, and nothing comes after it."""
    severed("refused")
    backend = boot(f"{PACKAGE}.early_return", **BYPASS)
    backend.wait_for("starting", 10)
    wait_until(lambda: "EMERGENCY BYPASS" in backend.log, 15, "the bypass")
    startup = backend.get("/health/startup").json()
    assert startup["startup_completed_phases"] == ["init", "dependencies", "database"]
    assert startup["startup_in_progress"] is True
    assert backend.get("/health").json()["status"] == "starting"


@pytest.mark.parametrize(
    ("build", "why"),
    [
        ("failed_phase_bookkeeping", "not complete: database, cache did not complete"),
        ("raise_after_bypass", "start-up failed in phase database: postgres unreachable"),
        ("validator_veto", "in phase finalize: comprehensive validation: the database is not"),
        ("exit_3_restart_loop", "start-up failed in phase database: postgres unreachable"),
    ],
)
def test_a_start_that_the_bypass_should_have_saved_ends_with_3(
    boot: Boot, severed: Callable[[Mode], None], build: str, why: str
) -> None:
    """Each for its own reason, which stands in the last line."""
    severed("refused")
    backend = boot(f"{PACKAGE}.{build}", **BYPASS)
    assert backend.wait_exit(20) == 3
    assert why in backend.log.strip().splitlines()[-1]
    # Read too late, forgotten, or never meant: only one of them never mentions it.
    assert ("EMERGENCY BYPASS" in backend.log) is (build != "exit_3_restart_loop")


@pytest.mark.parametrize("mode", ["refused", "silent"])
def test_a_lazy_pool_is_called_healthy_with_the_database_dead(
    boot: Boot, postgres_path: Relay, mode: Mode
) -> None:
    """Healthy, ready, and of no use."""
    postgres_path.cut(mode)
    backend = boot(f"{PACKAGE}.lazy_engine_counts_as_connected", **BYPASS)
    assert backend.wait_for("healthy", 10)["startup_mode"] == "normal"
    assert backend.get("/health/ready").status_code == 200
    assert backend.post("/threads", {"title": "x"}).status_code == 503
    assert backend.status() == "healthy"


def test_a_refusal_is_bypassed_and_a_hang_is_fatal(boot: Boot, postgres_path: Relay) -> None:
    """The same outage, told apart by how long it takes to notice."""
    build = f"{PACKAGE}.fast_failure_swallowed_slow_failure_fatal"
    postgres_path.cut("refused")
    swallowed = boot(build, **BYPASS)
    assert swallowed.wait_for("degraded", 10)["emergency_bypass"]["postgres"] is True
    postgres_path.heal()
    postgres_path.cut("silent")
    fatal = boot(build, **BYPASS)
    assert fatal.wait_exit(20) == 3
    assert "start-up failed in phase database: TimeoutError" in fatal.log.splitlines()[-1]


def test_a_disposed_pool_serves_nobody_and_health_does_not_see_it(boot: Boot) -> None:
    """Nothing is cut: the start itself has closed what requests use."""
    backend = boot(f"{PACKAGE}.startup_disposes_live_pool")
    backend.wait_for("healthy", 10)
    for _ in range(3):
        answer = backend.post("/threads", {"title": "x"})
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert backend.status() == "healthy"
    assert backend.get("/health/ready").status_code == 200
    assert "PoolClosed" in backend.log


def test_an_open_breaker_hides_why_the_database_is_away(boot: Boot, postgres_path: Relay) -> None:
    """The last words are the breaker's; the refused connection scrolled away."""
    postgres_path.cut("refused")
    backend = boot(f"{PACKAGE}.breaker_outlasts_retries")
    assert backend.wait_exit(20) == 3
    assert "circuit breaker open" in backend.log.strip().splitlines()[-1]
    assert "refused" not in last_words(backend)
    assert "refused" in backend.log


def test_a_synchronous_look_stops_the_event_loop(boot: Boot, postgres_path: Relay) -> None:
    """Liveness was there while the start waited, and is gone once the reconnection looks."""
    postgres_path.cut("silent")
    backend = boot(f"{PACKAGE}.blocking_sleep", **BYPASS)
    backend.wait_for("starting", 10)
    assert backend.get("/health/live").status_code == 200

    def silent() -> bool:
        try:
            backend.get("/health/live", timeout_s=1.5)
        except httpx.TimeoutException:
            return True
        return False

    # One answer takes milliseconds; the start waits 1.9 s before anything blocks.
    wait_until(silent, 20, "liveness without an answer for 1.5 s")


def test_a_missing_optional_table_ends_the_start(boot: Boot) -> None:
    """Nothing is cut, and every table that is needed is there."""
    backend = boot(f"{PACKAGE}.non_critical_blocks_startup", **BYPASS)
    assert backend.wait_exit(20) == 3
    last = backend.log.strip().splitlines()[-1]
    assert "start-up failed in phase services" in last
    assert 'relation "thread_summaries" does not exist' in last


def test_the_declared_port_stays_shut(boot: Boot) -> None:
    """Healthy next door, within a few ports, and unreachable where it was asked to be."""
    backend = boot(f"{PACKAGE}.port_mismatch")

    def found() -> bool:
        for port in range(backend.port + 1, backend.port + 4):
            with contextlib.suppress(httpx.TransportError, ValueError):
                answer = httpx.get(f"http://127.0.0.1:{port}/health", timeout=1, trust_env=False)
                return bool(answer.json()["status"] == "healthy")
        return False

    wait_until(found, 10, "healthy on another port")
    assert backend.status() == "unreachable"


def test_the_port_opens_and_the_process_dies_unheard(
    boot: Boot, severed: Callable[[Mode], None]
) -> None:
    """A TCP probe passes, a request is never answered, the exit status is 1."""
    severed("silent")
    backend = boot(f"{PACKAGE}.binds_before_viable", **BYPASS)

    def accepts() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", backend.port), 1):
            return True
        return False

    wait_until(accepts, 10, "an open port")
    with pytest.raises(httpx.TransportError):
        backend.get("/health", timeout_s=0.5)
    assert backend.wait_exit(20) == 1
    assert "no answer within" in last_words(backend)

"""Delivery of an agent run's events: in order, only to the user who started the run."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable

import pytest

from chaoslab.reference.backend.chat import (
    EVENTS,
    QUEUE_LIMIT,
    TOOLS,
    Bridge,
    ConnectionManager,
    Event,
    ModelFactory,
    Supervisor,
)

from .conftest import SLOW_TO_FAIL, Running
from .process import BackendProcess
from .relay import Relay

needs_websockets = pytest.mark.skipif(
    importlib.util.find_spec("websockets") is None,
    reason="the `websockets` package is not installed: uvicorn cannot serve /ws without it",
)


async def test_a_run_delivers_the_five_events_in_order_to_its_own_user_only() -> None:
    """Two users listen, one starts a run."""
    manager = ConnectionManager()
    supervisor = Supervisor(ModelFactory(), TOOLS)
    with manager.connected("ann") as ann, manager.connected("bob") as bob:
        run = supervisor.run(Bridge(manager), "ann", "count these three words")
        emitted = [event async for event in run]
        received = [ann.queue.get_nowait() for _ in EVENTS]
        assert bob.queue.empty()
    assert [event.type for event in received] == list(EVENTS)
    assert received == emitted
    assert received[-1].detail == "4"
    assert (manager.delivered, manager.users) == (5, {})


async def test_a_listener_that_is_too_slow_is_removed_and_delays_nobody() -> None:
    """The other listener of the same user gets every event."""
    manager = ConnectionManager()
    event = Event(type="agent_started", run_id="r", user="ann")
    with manager.connected("ann") as stuck, manager.connected("ann") as quick:
        for _ in range(QUEUE_LIMIT + 1):
            manager.send(event)
            quick.queue.get_nowait()
        assert stuck.overflowed.is_set()
        assert not quick.overflowed.is_set()
        assert manager.users == {"ann": 1}
    assert manager.overflowed == 1


async def test_a_bridge_that_loses_events_fails_its_check() -> None:
    """An event is really delivered."""

    class Deaf(ConnectionManager):
        def send(self, event: Event) -> int:
            return 1

    with pytest.raises(RuntimeError, match="no event delivered within"):
        await Bridge(Deaf()).check_delivery(0.05)


@needs_websockets
def test_over_a_real_websocket_the_events_arrive_while_both_databases_are_down(
    boot: Callable[..., BackendProcess], postgres_path: Relay, redis_path: Relay
) -> None:
    """Chat does not need a database; `agent_completed` arrives in degraded mode too."""
    from websockets.sync.client import connect  # noqa: PLC0415 - not everywhere

    postgres_path.cut("refused")
    redis_path.cut("refused")
    backend = boot(EMERGENCY_ALLOW_NO_DATABASE="true")
    backend.wait_for("degraded", 10)
    address = f"ws://127.0.0.1:{backend.port}/ws?user="
    with connect(address + "ann") as ann, connect(address + "bob") as bob:
        run = backend.post("/runs", {"user": "ann", "prompt": "count"}).json()
        received = [json.loads(ann.recv(5)) for _ in EVENTS]
        with pytest.raises(TimeoutError):
            bob.recv(0.2)
        assert backend.get("/ws/isolated/stats").json()["connections"] == 2
    assert [event["type"] for event in received] == list(EVENTS)
    assert {event["run_id"] for event in received} == {run["run_id"]}


@needs_websockets
def test_a_socket_is_refused_before_start_up_is_complete(
    boot: Callable[..., BackendProcess], postgres_path: Relay
) -> None:
    """503 before the handshake."""
    from websockets.exceptions import InvalidStatus  # noqa: PLC0415 - not everywhere
    from websockets.sync.client import connect  # noqa: PLC0415 - not everywhere

    postgres_path.cut("silent")
    backend = boot(**SLOW_TO_FAIL)
    backend.wait_for("starting", 10)
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"ws://127.0.0.1:{backend.port}/ws?user=a"),
    ):
        pytest.fail("accepted")
    assert refused.value.response.status_code == 503


def test_stats_count_delivered_events(running: Running) -> None:
    """Without a listener a run delivers nothing more."""
    before = running.backend.get("/ws/isolated/stats").json()
    assert running.backend.post("/runs", {"user": "x", "prompt": "count"}).status_code == 201
    assert running.backend.get("/ws/isolated/stats").json() == before
    assert before["connections"] == 0

"""A running process while its paths are cut and healed, without a restart."""

from __future__ import annotations

import os
import time

import pytest

from .conftest import Running
from .relay import Mode
from .servers import wait_until


@pytest.mark.parametrize("mode", ["refused", "silent"])
def test_a_cut_path_with_idle_connections_is_detected_and_healed(
    running: Running, mode: Mode
) -> None:
    """Degraded within the monitor's limits, naming Postgres only; then healthy, same process."""
    running.postgres_path.cut(mode)
    # A check every 0.25 s, 2.5 s for its answer, 0.32 s for a fresh connection; the rest is slack.
    body = running.backend.wait_for("degraded", 10)
    assert body["dependencies"]["postgres"]["status"] == "down"
    assert body["dependencies"]["redis"]["status"] == "up"
    assert body["startup_mode"] == "normal"
    running.postgres_path.heal()
    running.backend.wait_for("healthy", 10)
    assert running.backend.post("/threads", {"title": "x"}).status_code == 201


@pytest.mark.parametrize("mode", ["refused", "silent"])
def test_a_loss_of_redis_is_detected_while_requests_are_served(
    running: Running, mode: Mode
) -> None:
    """A message written and read during the outage and after it is never stale."""
    backend = running.backend
    thread = backend.post("/threads", {"title": "x"}).json()["id"]
    messages = f"/threads/{thread}/messages"
    assert backend.get(messages).json() == []  # now cached
    running.redis_path.cut(mode)
    assert backend.post(messages, {"content": "during"}).status_code == 201
    assert [m["content"] for m in backend.get(messages).json()] == ["during"]
    body = backend.wait_for("degraded", 10)
    assert body["dependencies"]["redis"]["status"] == "down"
    assert body["dependencies"]["postgres"]["status"] == "up"
    running.redis_path.heal()
    backend.wait_for("healthy", 10)
    assert [m["content"] for m in backend.get(messages).json()] == ["during"]


def test_nothing_acknowledged_is_lost_across_an_outage_under_load(running: Running) -> None:
    """Every id answered with 201 is in Postgres; during the outage some writes are answered 503."""
    backend = running.backend
    thread = backend.post("/threads", {"title": "x"}).json()["id"]
    acknowledged: list[str] = []

    def post() -> int:
        answer = backend.post(f"/threads/{thread}/messages", {"content": "m"})
        if answer.status_code == 201:
            acknowledged.append(answer.json()["id"])
        return answer.status_code

    assert [post() for _ in range(10)] == [201] * 10
    running.postgres_path.cut("refused")
    assert {post() for _ in range(10)} == {503}
    running.postgres_path.heal()
    wait_until(lambda: post() == 201, 10, "writes are kept again")
    assert [post() for _ in range(10)] == [201] * 10
    kept = running.postgres.query("SELECT id::text FROM messages WHERE thread_id = %s", thread)
    assert set(acknowledged) == {row[0] for row in kept}


def test_an_outage_leaves_no_connection_and_no_descriptor_behind(running: Running) -> None:
    """Postgres and the kernel have no more connections of the backend than before."""

    def pool_is_full() -> bool:
        # Its smallest size, and one more for a request that arrived while it was filling.
        return 2 <= running.postgres.connections() <= 3

    descriptors = f"/proc/{running.backend.process.pid}/fd"
    wait_until(pool_is_full, 10, "the pool is full")
    before = len(os.listdir(descriptors))
    began = time.monotonic()
    running.postgres_path.cut("silent")
    running.backend.wait_for("degraded", 10)
    time.sleep(1.0)  # the subject: attempts made during a second of outage
    opened = running.postgres_path.opened
    # Scaled by the real time, for a machine that stalls; a storm makes sixty in a second.
    assert 1 <= opened <= 12 * (time.monotonic() - began)
    running.postgres_path.heal()
    running.backend.wait_for("healthy", 10)
    wait_until(pool_is_full, 10, "the old connections are gone")
    # A health request may still be closing, and the pool may hold one connection more.
    wait_until(lambda: len(os.listdir(descriptors)) <= before + 2, 10, "descriptors are closed")

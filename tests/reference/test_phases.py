"""Each phase makes a part that a later request needs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx
import pytest
from redis import Redis

from chaoslab.reference.backend.app import build_app
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.breaker import CircuitBreaker
from chaoslab.reference.backend.parts import Parts
from chaoslab.reference.backend.phases import PHASES
from chaoslab.reference.backend.profiles import Limits
from chaoslab.reference.backend.sequence import Phase, start_up
from chaoslab.reference.backend.settings import Settings, read

from .relay import Relay
from .servers import PostgresServer, RedisServer


@pytest.fixture
def settings(postgres: PostgresServer, redis: RedisServer) -> Settings:
    return read({"DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "PROFILE": "lab"})


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    """INIT sets up logging for a process; here pytest's logging stays."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@contextlib.asynccontextmanager
async def client_without(settings: Settings, phase: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application without this phase, after start-up has ended."""
    app = build_app(settings, phases=[p for p in PHASES if p.name != phase])
    async with app.router.lifespan_context(app):
        async with asyncio.timeout(15):
            while app.state.backend.record.in_progress:  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.01)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            yield client


async def serves(client: httpx.AsyncClient) -> bool:
    """Whether all that the backend offers works for a user."""
    created = await client.post("/threads", json={"title": "x"})
    if created.status_code != 201:
        return False
    thread = created.json()["id"]
    added = await client.post(f"/threads/{thread}/messages", json={"content": "hi"})
    listed = await client.get(f"/threads/{thread}/messages")
    run = await client.post("/runs", json={"user": "u", "prompt": "count these words"})
    return (added.status_code, listed.status_code, run.status_code) == (201, 200, 201)


async def test_with_all_seven_phases_every_request_is_served(settings: Settings) -> None:
    """The baseline of the tests below."""
    async with client_without(settings, "none") as client:
        assert await serves(client)
        assert (await client.get("/health")).json()["status"] == "healthy"


@pytest.mark.parametrize("phase", [phase.name for phase in PHASES])
async def test_without_this_phase_a_request_fails_and_health_says_so(
    settings: Settings, phase: str
) -> None:
    """503 for the request, and never healthy."""
    async with client_without(settings, phase) as client:
        assert not await serves(client)
        assert (await client.get("/health")).status_code == 503
        assert (await client.get("/health/ready")).status_code == 503


async def test_a_repeated_request_with_the_same_id_is_stored_once(
    settings: Settings, postgres: PostgresServer
) -> None:
    """The id of the body is the primary key."""
    key = "0f9c2f4e-3a52-4f7e-9f0a-6a1f5d1a2b3c"
    async with client_without(settings, "none") as client:
        thread = (await client.post("/threads", json={"title": "x"})).json()["id"]
        for _ in range(2):
            body = {"content": "once", "id": key}
            answer = await client.post(f"/threads/{thread}/messages", json=body)
            assert (answer.status_code, answer.json()) == (201, {"id": key})
        missing = await client.post(f"/threads/{key}/messages", json={"content": "x"})
        assert missing.status_code == 404
    assert postgres.query("SELECT content FROM messages WHERE id = %s", key) == [("once",)]


async def test_a_cache_entry_with_a_wrong_signature_is_ignored(
    settings: Settings, redis: RedisServer
) -> None:
    """Other bytes under our key are a miss."""
    async with client_without(settings, "none") as client:
        thread = (await client.post("/threads", json={"title": "x"})).json()["id"]
        with Redis(port=redis.port) as other:
            other.set(f"thread:{thread}:messages", b"0" * 32 + b"[]")
            await client.post(f"/threads/{thread}/messages", json={"content": "kept"})
            other.set(f"thread:{thread}:messages", b"0" * 32 + b"[]")
        listed = (await client.get(f"/threads/{thread}/messages")).json()
        assert [message["content"] for message in listed] == ["kept"]
        again = (await client.get(f"/threads/{thread}/messages")).json()
        assert again == listed
        metrics = (await client.get("/metrics")).text
        assert 'cache_operations_total{operation="set",outcome="done"} 1.0' in metrics


async def test_a_missing_column_is_a_failure_and_a_missing_optional_table_is_not(
    settings: Settings, postgres: PostgresServer
) -> None:
    """The failure names the column."""
    postgres.query("CREATE TABLE threads (id uuid PRIMARY KEY, title text)")
    postgres.query("CREATE TABLE messages (id uuid, thread_id uuid, content text, created_at date)")
    async with client_without(settings, "none") as client:
        body = (await client.get("/health")).json()
        assert body["status"] == "unhealthy"
        assert "threads lacks created_at" in body["error"]


async def test_cancelled_requests_free_breaker_slots_and_connections(
    postgres: PostgresServer, redis: RedisServer
) -> None:
    """On a silent path, then healed."""
    with Relay(postgres.port) as path:
        environment = {"PROFILE": "lab", "REDIS_URL": redis.url}
        settings = read(environment | {"DATABASE_URL": postgres.url_at(path.port)})
        async with client_without(settings, "none") as client:
            path.cut("silent")
            for _ in range(20):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await client.post("/threads", json={"title": "gone"})
            path.heal()
            async with asyncio.timeout(15):
                while not (await client.post("/threads", json={"title": "x"})).is_success:  # noqa: ASYNC110 - a client that tries again
                    await asyncio.sleep(0.05)


async def test_a_build_can_replace_one_part(settings: Settings) -> None:
    """A sequence that ends early, and another breaker."""

    async def early_return(backend: Backend, phases: Sequence[Phase]) -> None:
        await start_up(backend, phases[:3])

    made: list[CircuitBreaker] = []

    def breaker(limits: Limits) -> CircuitBreaker:
        made.append(CircuitBreaker(failures=1, open_s=limits.breaker_open_s))
        return made[-1]

    app = build_app(settings, sequence=early_return, parts=Parts(breaker=breaker))
    async with app.router.lifespan_context(app), asyncio.timeout(15):
        while app.state.backend.record.in_progress:  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.01)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            answer = await client.get("/health")
        assert answer.status_code == 503
        assert "cache, services, websocket, finalize did not complete" in answer.json()["error"]
        assert len(made) == 1

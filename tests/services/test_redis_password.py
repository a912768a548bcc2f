"""A password of a Redis service: the server requires it, and every session of the lab has it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import redis
import redis.asyncio

from chaoslab.model.requests import Found
from chaoslab.model.topology import Service
from chaoslab.runtimes.base import RunningService
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import kind_of, url_values
from chaoslab.services.redis.local import redis_server

from .here import needs_program

AWKWARD = "p@ss/w:rd%\"'\\ é"
CACHE = Service(name="cache", kind="redis", settings={"password": AWKWARD})
IN_ONE_LOOP = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cache() -> AsyncIterator[RunningService]:
    """A server with a password."""
    needs_program(CACHE)
    async with LocalRuntime() as runtime:
        yield await runtime.start_service(CACHE)


@IN_ONE_LOOP
async def test_the_server_requires_the_password(cache: RunningService) -> None:
    """The URL has it; without it every command is refused."""
    url = cache.url(cache.endpoint)
    async with redis.asyncio.from_url(url) as client:
        assert await client.ping()
    async with redis.asyncio.from_url(f"redis://{cache.endpoint}/0") as client:
        with pytest.raises(redis.AuthenticationError):
            await client.ping()
    assert url_values(CACHE, url, [])["cache.password"] == AWKWARD


@IN_ONE_LOOP
async def test_the_labs_own_sessions_log_in(cache: RunningService) -> None:
    """They count clients and commands, look up keys and list sessions; a canary needs no log-in."""
    kind, url, op = kind_of("redis"), cache.url(cache.endpoint), str(uuid.uuid4())
    assert kind.count_clients is not None
    assert kind.count_commands is not None
    assert kind.rows is not None
    assert kind.view is not None
    async with redis.asyncio.from_url(url) as client:
        await client.set(f"it:{op}", 1)
        for opened, least in ((kind.count_clients, 1), (kind.count_commands.open, 1)):
            session = await opened(url)
            assert await session.count() >= least
            await session.close()
        rows = await kind.rows(url)
        assert await rows.found(Found(service="cache", key="it:{id}"), [op]) == {op: 1}
        await rows.close()
        view = await kind.view(url, url)
        assert view is not None
        assert len(await view.sessions()) == 1
        await view.close()
    assert (await cache.ask(within_s=2.0)).outcome == "answered"


@IN_ONE_LOOP
async def test_the_password_and_the_data_outlive_a_kill(cache: RunningService) -> None:
    """The server is ready again only when it has loaded its data."""
    url = cache.url(cache.endpoint)
    async with redis.asyncio.from_url(url) as client:
        await client.set("kept", "yes")
    await cache.kill()
    await cache.start()
    async with redis.asyncio.from_url(url, decode_responses=True) as client:
        assert await client.get("kept") == "yes"


def test_the_password_is_on_no_command_line(tmp_path: Path) -> None:
    """Every user of the machine can read those. Its file can be read by the server's user only."""
    needs_program(CACHE)
    server = redis_server(CACHE)
    asyncio.run(server.prepare(tmp_path, {}))
    command = server.command(tmp_path, 4711)
    assert not [word for word in command if "p@ss" in word]
    config = Path(command[1])
    assert config.stat().st_mode & 0o777 == 0o600
    assert config.read_text().startswith('requirepass "\\x70\\x40')
    plain = redis_server(replace(CACHE, settings={}))
    assert plain.command(tmp_path, 4711)[1].startswith("--")

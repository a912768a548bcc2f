"""Real clients of the services, so that a test sees what an app would."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import redis.asyncio as redis

from chaoslab.clock import now_s
from chaoslab.runtimes.base import AppStart, RunningApp, RunningService, Runtime

from .stacks import APP


class Client:
    """One open connection to a service, which can keep a word and find it again."""

    def __init__(self, running: RunningService) -> None:
        self._running = running
        self._postgres: psycopg.AsyncConnection | None = None
        self._redis: redis.Redis | None = None

    async def __aenter__(self) -> Client:
        url = self._running.url(self._running.endpoint)
        if self._running.service.kind == "postgres":
            self._postgres = await psycopg.AsyncConnection.connect(url, autocommit=True)
        else:
            self._redis = redis.Redis.from_url(url, single_connection_client=True)
            await self._redis.ping()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._postgres is not None:
            await self._postgres.close()
        if self._redis is not None:
            await self._redis.aclose()

    async def keep(self, word: str) -> None:
        if self._postgres is not None:
            await self._postgres.execute("CREATE TABLE IF NOT EXISTS words (word text)")
            await self._postgres.execute("INSERT INTO words VALUES (%s)", (word,))
        if self._redis is not None:
            await self._redis.sadd("words", word)

    async def words(self) -> set[str]:
        if self._postgres is not None:
            rows = await (await self._postgres.execute("SELECT word FROM words")).fetchall()
            return {row[0] for row in rows}
        assert self._redis is not None
        return {word.decode() for word in await self._redis.smembers("words")}


async def connects(port: int) -> bool:
    """Whether anybody accepts connections on that port of loopback."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def run_python(
    runtime: Runtime, code: str, log: Path, port: int = 0, env: dict[str, str] | None = None
) -> RunningApp:
    """An app that is one Python program, on the port that its runtime has for it."""
    return await runtime.spawn_app(
        AppStart(
            app=APP,
            command=(runtime.python, "-u", "-c", code),
            env=env or {},
            port=port or await runtime.app_port(APP),
            log=log,
        )
    )


async def is_down(running: RunningService) -> bool:
    """Whether a new connection to it is refused."""
    return (await running.ask(within_s=2.0)).outcome == "refused"


async def until_said(app: RunningApp, word: str, limit_s: float = 10.0) -> None:
    """Return once the app's log holds the word; fail after `limit_s`."""
    end_s = now_s() + limit_s
    while word not in "\n".join(app.log_tail(50)):
        assert now_s() < end_s, f"never said {word!r}: {app.log_tail()}"
        await asyncio.sleep(0.01)

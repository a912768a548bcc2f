"""The backend's cache in Redis. If Redis is unreachable, requests work without it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chaoslab.reference.backend.dependency import DependencyUnavailable, Status, reason
from chaoslab.reference.backend.metrics import Metrics
from chaoslab.reference.backend.settings import Settings

FAILED = (RedisError, OSError, TimeoutError)
FAILED_PINGS = 2  # in a row; one slow ping does not mean that Redis is down


ClientFactory = Callable[[str], Redis]


def new_client(url: str) -> Redis:
    """A Redis client that replaces one stale pooled connection itself, and raises all other errors.

    It uses protocol 2 and sends no library name: fewer round trips before the first answer.
    """
    return Redis.from_url(
        url, retry=Retry(NoBackoff(), 1), protocol=2, driver_info=None, max_connections=16
    )


class Cache:
    """Stores bytes under keys in Redis.

    Each operation ends within the request limit; a failed read counts as a miss.
    """

    name = "redis"

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        client_factory: ClientFactory = new_client,
    ) -> None:
        self._settings, self._limits, self._metrics = settings, settings.limits, metrics
        self._client_factory = client_factory
        self._client: Redis | None = None
        self._log = logging.getLogger("backend.redis")
        self.status = Status(self.name, metrics)

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect to Redis, and set the status. Raises DependencyUnavailable if that fails."""
        limit_s = timeout_s or self._limits.redis_connect_ping_s
        client = self._client_factory(self._settings.redis_url)
        try:
            await _within(limit_s, client)
        except FAILED as error:
            await self._drop(client)
            self._metrics.reconnects.labels(self.name, "failed").inc()
            self.status.is_down(_cause(error, limit_s))
            raise self.unavailable(_cause(error, limit_s)) from None
        except BaseException:
            await self._drop(client)
            raise
        old, self._client = self._client, client
        if old is not None:
            await self._drop(old)
        self._metrics.reconnects.labels(self.name, "succeeded").inc()
        self.status.is_up()

    async def check(self) -> None:
        """Ping Redis. After two failed pings in a row, set the status to down. Never raises."""
        if self._client is None:
            return
        for number in range(1, FAILED_PINGS + 1):
            try:
                await _within(self._limits.redis_check_s, self._client)
            except FAILED as error:
                if number == FAILED_PINGS:
                    self.status.is_down(_cause(error, self._limits.redis_check_s))
            else:
                return

    async def get(self, key: str) -> bytes | None:
        """The cached bytes of a key; None if there are none or Redis did not answer in time."""
        found: bytes | str | None = None
        async with self._operation("get") as client:
            if client is not None:
                found = await client.get(key)
                self._count("get", "miss" if found is None else "hit")
        return found.encode() if isinstance(found, str) else found

    async def set(self, key: str, value: bytes) -> None:
        """Store the bytes under the key for the time `cache_ttl_s`. A failure has no effect."""
        async with self._operation("set") as client:
            if client is not None:
                await client.set(key, value, px=max(1, round(self._limits.cache_ttl_s * 1000)))
                self._count("set", "done")

    async def delete(self, key: str) -> None:
        """Remove the key. If that fails, the stale entry stays, and readers must recognise it."""
        async with self._operation("delete") as client:
            if client is not None:
                await client.delete(key)
                self._count("delete", "done")

    @contextlib.asynccontextmanager
    async def _operation(self, name: str) -> AsyncIterator[Redis | None]:
        """Yield the client for one operation within the request limit; None while Redis is down.

        A failure in the block is not raised: it is counted, and wakes the monitor, which checks at
        once.
        """
        if self._client is None or not self.status.up:
            self._count(name, "skipped")
            yield None
            return
        try:
            async with asyncio.timeout(self._limits.redis_request_ping_s):
                yield self._client
        except FAILED as error:
            self._count(name, "failed")
            self._log.debug("%s: %s", name, reason(error))
            self.status.changed.set()

    def _count(self, operation: str, outcome: str) -> None:
        self._metrics.cache.labels(operation, outcome).inc()

    def unavailable(self, cause: str) -> DependencyUnavailable:
        """A DependencyUnavailable with the name and the address of Redis, and the given cause."""
        return DependencyUnavailable(self.name, self._settings.redis_address, cause)

    async def _drop(self, client: Redis) -> None:
        # On a silent path closing waits until its bytes are sent.
        with contextlib.suppress(*FAILED):
            async with asyncio.timeout(min(0.1, self._limits.redis_connect_ping_s)):
                await client.aclose()

    async def close(self) -> None:
        """Close all connections to Redis, and use it no more, whether it answers or not."""
        client, self._client = self._client, None
        if client is not None:
            await self._drop(client)


async def _within(limit_s: float, client: Redis) -> None:
    async with asyncio.timeout(limit_s):
        await client.ping()


def _cause(error: BaseException, limit_s: float) -> str:
    if isinstance(error, TimeoutError) and not isinstance(error, RedisError):
        return f"no answer within {limit_s:.2g} s"
    return reason(error)

"""Redis as the backend uses it: a cache that may be away at any time without a request noticing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chaoslab.reference.backend.dependency import DependencyUnavailable, Status, reason
from chaoslab.reference.backend.metrics import Metrics
from chaoslab.reference.backend.settings import Settings

FAILED = (RedisError, OSError, TimeoutError)
STRIKES = 2  # one slow ping is a hiccup


ClientFactory = Callable[[str], Redis]


def new_client(url: str) -> Redis:
    """A client that replaces one stale pooled connection by itself, and else lets errors through.

    The plain protocol and no library name: fewer round trips before the first answer.
    """
    return Redis.from_url(
        url, retry=Retry(NoBackoff(), 1), protocol=2, driver_info=None, max_connections=16
    )


class Cache:
    """Bytes by key, each operation within the request limit; a failure reads as a miss."""

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
        """Reach Redis anew; raises DependencyUnavailable, and the status is down by then."""
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
        """Ping; after two failures in a row it is down. Never raises."""
        if self._client is None:
            return
        for strike in range(1, STRIKES + 1):
            try:
                await _within(self._limits.redis_check_s, self._client)
            except FAILED as error:
                if strike == STRIKES:
                    self.status.is_down(_cause(error, self._limits.redis_check_s))
            else:
                return

    async def get(self, key: str) -> bytes | None:
        """The cached bytes, or None where there are none or Redis did not answer in time."""
        if (client := self._ready()) is None:
            self._count("get", "skipped")
            return None
        try:
            async with asyncio.timeout(self._limits.redis_request_ping_s):
                found = await client.get(key)
        except FAILED as error:
            self._failed("get", error)
            return None
        self._count("get", "miss" if found is None else "hit")
        return found.encode() if isinstance(found, str) else found

    async def set(self, key: str, value: bytes) -> None:
        """Keep the bytes for the cache's life time; a failure is of no consequence."""
        if (client := self._ready()) is None:
            return self._count("set", "skipped")
        try:
            async with asyncio.timeout(self._limits.redis_request_ping_s):
                await client.set(key, value, px=max(1, round(self._limits.cache_ttl_s * 1000)))
        except FAILED as error:
            return self._failed("set", error)
        return self._count("set", "done")

    async def delete(self, key: str) -> None:
        """Forget the key; where that fails, readers must be able to tell a stale entry."""
        if (client := self._ready()) is None:
            return self._count("delete", "skipped")
        try:
            async with asyncio.timeout(self._limits.redis_request_ping_s):
                await client.delete(key)
        except FAILED as error:
            return self._failed("delete", error)
        return self._count("delete", "done")

    def _ready(self) -> Redis | None:
        return self._client if self.status.up else None

    def _count(self, operation: str, outcome: str) -> None:
        self._metrics.cache.labels(operation, outcome).inc()

    def _failed(self, operation: str, error: BaseException) -> None:
        """One failure is no verdict: the monitor is woken and looks at once."""
        self._count(operation, "failed")
        self._log.debug("%s: %s", operation, reason(error))
        self.status.changed.set()

    def unavailable(self, cause: str) -> DependencyUnavailable:
        """The error that names Redis, its address and the cause."""
        return DependencyUnavailable(self.name, self._settings.redis_address, cause)

    async def _drop(self, client: Redis) -> None:
        # Closing waits for bytes that a silent path never takes.
        with contextlib.suppress(*FAILED):
            async with asyncio.timeout(min(0.1, self._limits.redis_connect_ping_s)):
                await client.aclose()

    async def close(self) -> None:
        """Stop using Redis, whether it answers or not."""
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

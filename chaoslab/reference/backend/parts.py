"""The replaceable parts that the phases build with, handed in: a build can differ in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool

from chaoslab.reference.backend.backoff import Backoff
from chaoslab.reference.backend.breaker import CircuitBreaker
from chaoslab.reference.backend.cache import Cache, ClientFactory, new_client
from chaoslab.reference.backend.chat import ConnectionManager
from chaoslab.reference.backend.database import Database, PoolFactory
from chaoslab.reference.backend.keys import KeyManager
from chaoslab.reference.backend.monitor import Monitor
from chaoslab.reference.backend.profiles import Limits
from chaoslab.reference.backend.threads import ThreadService


def standard_breaker(limits: Limits) -> CircuitBreaker:
    """The database breaker with the profile's limits."""
    return CircuitBreaker(
        failures=limits.breaker_failures,
        open_s=limits.breaker_open_s,
        successes=limits.breaker_successes,
    )


def startup_backoff(limits: Limits) -> Backoff:
    """The back-off of the tries while starting, and of Postgres' reconnection after it."""
    return Backoff(
        base_s=limits.retry_base_s,
        cap_s=limits.retry_cap_s,
        factor=limits.retry_factor,
        jitter=limits.retry_jitter,
    )


def redis_backoff(limits: Limits) -> Backoff:
    """The back-off of Redis' reconnection."""
    return Backoff(
        base_s=limits.redis_backoff_base_s,
        cap_s=limits.redis_backoff_cap_s,
        factor=limits.retry_factor,
        jitter=limits.retry_jitter,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the phases build with; the defaults are the good build."""

    breaker: Callable[[Limits], CircuitBreaker] = standard_breaker
    database: Callable[..., Database] = Database
    pool: PoolFactory = AsyncConnectionPool
    cache: Callable[..., Cache] = Cache
    redis_client: ClientFactory = new_client
    monitor: Callable[..., Monitor] = Monitor
    threads: Callable[[Database, Cache, KeyManager], ThreadService] = ThreadService
    connections: Callable[[], ConnectionManager] = ConnectionManager
    postgres_backoff: Callable[[Limits], Backoff] = startup_backoff
    redis_backoff: Callable[[Limits], Backoff] = redis_backoff

"""The replaceable parts of the backend. A defective build replaces one of them."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The classes and functions that the phases use; the defaults are the good build."""

    breaker: Callable[[Limits], CircuitBreaker] = CircuitBreaker.from_limits
    database: Callable[..., Database] = Database
    pool: PoolFactory = AsyncConnectionPool
    cache: Callable[..., Cache] = Cache
    redis_client: ClientFactory = new_client
    monitor: Callable[..., Monitor] = Monitor
    threads: Callable[[Database, Cache, KeyManager], ThreadService] = ThreadService
    connections: Callable[[], ConnectionManager] = ConnectionManager
    postgres_backoff: Callable[[Limits], Backoff] = Backoff.startup
    redis_backoff: Callable[[Limits], Backoff] = Backoff.redis

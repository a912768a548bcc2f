"""Postgres as the backend uses it: one pool per spell of a good path, behind a circuit breaker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from chaoslab.reference.backend.backoff import Backoff
from chaoslab.reference.backend.breaker import BreakerOpen, CircuitBreaker
from chaoslab.reference.backend.connections import BoundedConnection
from chaoslab.reference.backend.dependency import DependencyUnavailable, Status, reason
from chaoslab.reference.backend.metrics import Metrics
from chaoslab.reference.backend.migrations import Schema
from chaoslab.reference.backend.settings import Settings

T = TypeVar("T")
Pool = AsyncConnectionPool[BoundedConnection]
PoolFactory = Callable[..., Pool]
Work = Callable[[BoundedConnection], Awaitable[T]]
# What psycopg raises when a connection, and not the statement, is at fault.
LOST = (psycopg.OperationalError, psycopg.InterfaceError, PoolClosed)


class Store(Protocol):
    """Where statements are done."""

    async def run(self, work: Work[T]) -> T:
        """Do `work`, which must be idempotent, on a connection and return what it returns."""


class Database:
    """Statements on pooled connections, with reconnection.

    When a connection turns out dead, its whole pool is dropped: the others went over the same
    path. A fresh connection then decides whether Postgres is away or only the old ones were.
    """

    name = "postgres"

    def __init__(
        self,
        settings: Settings,
        *,
        breaker: CircuitBreaker,
        metrics: Metrics,
        schema: Schema,
        pool_factory: PoolFactory = AsyncConnectionPool,
    ) -> None:
        self._settings, self._limits = settings, settings.limits
        self._breaker, self._metrics, self._schema = breaker, metrics, schema
        self._pool_factory = pool_factory
        self._pool: Pool | None = None
        self._fleet: weakref.WeakSet[BoundedConnection] = weakref.WeakSet()
        self._connecting: asyncio.Task[None] | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._closed = False
        self._log = logging.getLogger("backend.postgres")
        self.status = Status(self.name, metrics)

    @property
    def attempt_s(self) -> float:
        """The time-out of one connect attempt: all tries and back-offs fit the connect limit."""
        limits = self._limits
        backoff = Backoff(
            base_s=limits.retry_base_s,
            cap_s=limits.retry_cap_s,
            factor=limits.retry_factor,
            jitter=limits.retry_jitter,
        )
        return backoff.attempt_limit(limits.connect_s, limits.retry_tries)

    async def run(self, work: Work[T]) -> T:
        """Do `work` on a connection and return what it returns; within the pool wait limit.

        `work` must be idempotent: where its connection was lost it is done once more on a fresh
        one. Raises DependencyUnavailable: at once while the breaker is open.
        """
        try:
            with self._breaker.slot(DependencyUnavailable):
                return await self._within_limit(work)
        except BreakerOpen as refused:
            raise self.unavailable(
                f"{self.status.error or 'it failed repeatedly'} (circuit breaker open)",
                refused.retry_after_s,
            ) from None

    async def _within_limit(self, work: Work[T]) -> T:
        limit_s = self._limits.pool_wait_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._with_second_chance(work)
        except (TimeoutError, PoolTimeout):
            self.status.changed.set()  # the monitor looks at once whether it is away or just slow
            raise self.unavailable(f"no answer within {limit_s:.2g} s") from None

    async def _with_second_chance(self, work: Work[T]) -> T:
        if self._pool is None:
            await self.connect()
        pool = self._pool
        try:
            return await self._on(pool, work)
        except PoolTimeout:
            raise
        except LOST as error:
            await self._renew(pool, error)
            return await self._last_chance(work)

    async def _last_chance(self, work: Work[T]) -> T:
        try:
            return await self._on(self._pool, work)
        except PoolTimeout:
            raise
        except LOST as error:
            raise self.unavailable(reason(error)) from None

    async def _on(self, pool: Pool | None, work: Work[T], wait_s: float | None = None) -> T:
        if pool is None:
            raise PoolClosed("no pool")
        async with pool.connection(wait_s) as conn:
            return await work(conn)

    async def check(self) -> None:
        """Look whether Postgres still answers, within the health limit; never raises."""
        pool = self._pool
        # Nothing but a fresh connection tells a lost path from old connections gone bad, or busy.
        try:
            await self._on(pool, _ping, self._limits.health_s)
        except PoolTimeout:
            await self._probe()
        except LOST as error:
            with contextlib.suppress(DependencyUnavailable):
                await self._renew(pool, error)

    async def _probe(self) -> None:
        """All connections are busy: see whether another can be had, and leave the pool alone."""
        try:
            conn = await self._dial(self.attempt_s)
        except (psycopg.Error, OSError) as error:
            self._lost(reason(error))
        else:
            conn.pgconn.finish()

    def _lost(self, cause: str) -> None:
        self._retire()
        self._breaker.failure()
        self.status.is_down(cause)

    async def _renew(self, pool: Pool | None, error: BaseException) -> None:
        """Replace `pool`, found bad by `error`; raises DependencyUnavailable when that fails."""
        if self._pool is not pool:
            if self._pool is None:
                await self.connect()
            return  # somebody else has replaced it already
        self._log.info("dropping the pool: %s", reason(error))
        self._retire()
        await self.connect()

    async def connect(self, timeout_s: float | None = None) -> None:
        """Reach Postgres, bring its schema up to date and open a new pool; all callers share a try.

        Raises DependencyUnavailable; the status is down by then.
        """
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect(timeout_s or self.attempt_s))
            self._connecting.add_done_callback(self._connected)
        attempt = self._connecting
        try:
            await asyncio.shield(attempt)
        except asyncio.CancelledError:
            if self._closed and attempt.cancelled():
                raise self.unavailable("the backend is stopping") from None
            raise

    def _connected(self, task: asyncio.Task[None]) -> None:
        if self._connecting is task:
            self._connecting = None
        outcome = "failed" if task.cancelled() or task.exception() else "succeeded"
        self._metrics.reconnects.labels(self.name, outcome).inc()

    async def _connect(self, timeout_s: float) -> None:
        try:
            if self._closed:
                raise psycopg.OperationalError("the backend is stopping")
            # Two steps with a limit each; a hung path is noticed in the first.
            conn = await self._dial(timeout_s)
            try:
                async with asyncio.timeout(self._limits.tables_s):
                    await self._schema.prepare(conn)
            finally:
                conn.pgconn.finish()
            pool = await self._open_pool()
        except (psycopg.Error, OSError, TimeoutError) as error:
            cause = reason(error) if not isinstance(error, TimeoutError) else self._tables_cause()
            self._lost(cause)
            raise self.unavailable(cause) from None
        self._retire()
        self._pool = pool
        self._breaker.close()
        self.status.is_up()

    def _tables_cause(self) -> str:
        return f"its tables were not ready within {self._limits.tables_s:.2g} s"

    async def _dial(self, timeout_s: float) -> BoundedConnection:
        return await BoundedConnection.connect(
            self._settings.database_url,
            connect_limit_s=timeout_s,
            io_limit_s=self._limits.tables_s,
            fleet=self._fleet,
        )

    async def _open_pool(self) -> Pool:
        """A pool with at least one live connection: a lazy one would be no proof of anything."""
        pool = self._new_pool()
        await pool.open()
        try:
            async with pool.connection(self._limits.health_s):
                return pool
        except BaseException:
            self._close_beside(pool)
            raise

    def _new_pool(self) -> Pool:
        limits = self._limits
        kwargs: dict[str, Any] = {
            "connect_limit_s": max(self.attempt_s, limits.health_s),
            "io_limit_s": limits.health_s,
            "fleet": self._fleet,
        }
        return self._pool_factory(
            self._settings.database_url,
            kwargs=kwargs,
            connection_class=BoundedConnection,
            min_size=limits.pool_min,
            max_size=limits.pool_max,
            timeout=limits.pool_wait_s,
            # The pool's own retries have delays of seconds that no limit reaches: it has none,
            # and the monitor, whose back-off is a setting, reconnects.
            reconnect_timeout=0.0,
            reconnect_failed=lambda _pool: self.status.changed.set(),
            open=False,
        )

    def _retire(self) -> None:
        """Take the pool out of use and close it beside; busy connections close when given back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._close_beside(pool)

    def _close_beside(self, pool: Pool) -> None:
        task = asyncio.create_task(pool.close(timeout=0))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    def unavailable(self, cause: str, retry_after_s: float | None = None) -> DependencyUnavailable:
        wait_s = self._breaker.retry_after_s if retry_after_s is None else retry_after_s
        return DependencyUnavailable(
            self.name, self._settings.database_address, cause, retry_after_s=wait_s
        )

    def cut(self) -> None:
        """Whoever waits for Postgres gets DependencyUnavailable now; nothing is tried any more."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        self._retire()
        for conn in list(self._fleet):
            conn.cut()

    async def close(self) -> None:
        """Stop at once: every connection is cut, whether Postgres answers or not."""
        self.cut()
        if self._retired:
            await asyncio.wait(self._retired, timeout=0.1)


async def _ping(conn: BoundedConnection) -> None:
    await conn.execute("SELECT 1")

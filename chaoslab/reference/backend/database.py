"""The backend's access to Postgres: a pool, behind a circuit breaker, replaced after each loss."""

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
# psycopg's exceptions for a lost connection, as opposed to a wrong statement.
LOST = (psycopg.OperationalError, psycopg.InterfaceError, PoolClosed)


class Store(Protocol):
    """Something that can run statements on a database, such as `Database`."""

    async def run(self, work: Work[T]) -> T:
        """Run `work` on a connection and return its result. `work` must be idempotent."""


class Database:
    """Runs statements on pooled connections, and reconnects.

    If one connection is dead, its pool is dropped, because the others use the same path. A new
    connection then shows whether Postgres is unreachable or only the old connections were dead.
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
        self._connections: weakref.WeakSet[BoundedConnection] = weakref.WeakSet()
        self._connecting: asyncio.Task[None] | None = None
        self._retired: set[asyncio.Task[None]] = set()
        self._closed = False
        self._log = logging.getLogger("backend.postgres")
        self.status = Status(self.name, metrics)

    @property
    def attempt_s(self) -> float:
        """The time-out of one try to connect, in seconds: all tries and their delays then fit the
        connect limit.
        """
        limits = self._limits
        return Backoff.startup(limits).attempt_limit(limits.connect_s, limits.retry_tries)

    async def run(self, work: Work[T]) -> T:
        """Run `work` on a connection within the pool wait limit, and return its result.

        `work` must be idempotent: if its connection is lost, it is run once more on a new one.
        Raises DependencyUnavailable if that fails; at once while the breaker is open.
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
                return await self._with_one_retry(work)
        except (TimeoutError, PoolTimeout):
            self.status.changed.set()  # the monitor checks at once if it is unreachable or slow
            raise self.unavailable(f"no answer within {limit_s:.2g} s") from None

    async def _with_one_retry(self, work: Work[T]) -> T:
        if self._pool is None:
            await self.connect()
        pool = self._pool
        try:
            return await self._on(pool, work)
        except PoolTimeout:
            raise
        except LOST as error:
            await self._renew(pool, error)
            return await self._retry(work)

    async def _retry(self, work: Work[T]) -> T:
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
        """Check whether Postgres answers within the health limit, and set the status to up or
        down.
        """
        pool = self._pool
        # If the pool does not answer, only a new connection shows whether the path is lost.
        try:
            await self._on(pool, _ping, self._limits.health_s)
        except PoolTimeout:
            await self._probe()
        except LOST as error:
            with contextlib.suppress(DependencyUnavailable):
                await self._renew(pool, error)

    async def _probe(self) -> None:
        """Open one more connection to Postgres, while all connections of the pool are busy. If that
        fails, set the status to down.
        """
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
        """Replace `pool`, which failed with `error`, by a new one, unless another caller has done
        so. Raises DependencyUnavailable if Postgres cannot be reached.
        """
        if self._pool is not pool:
            if self._pool is None:
                await self.connect()
            return  # another caller has already replaced it
        self._log.info("dropping the pool: %s", reason(error))
        self._retire()
        await self.connect()

    async def connect(self, timeout_s: float | None = None) -> None:
        """Connect, create missing tables and open a new pool. Callers at the same time share one
        try.

        Sets the status. Raises DependencyUnavailable if that fails.
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
            # Two steps, each with a limit; a path that hangs is detected in the first.
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
            connections=self._connections,
        )

    async def _open_pool(self) -> Pool:
        """Open and return a new pool that has at least one live connection, which shows that
        Postgres is reachable.
        """
        pool = self._new_pool()
        await pool.open()
        try:
            async with pool.connection(self._limits.health_s):
                return pool
        except BaseException:
            self._close_in_task(pool)
            raise

    def _new_pool(self) -> Pool:
        limits = self._limits
        kwargs: dict[str, Any] = {
            "connect_limit_s": max(self.attempt_s, limits.health_s),
            "io_limit_s": limits.health_s,
            "connections": self._connections,
        }
        return self._pool_factory(
            self._settings.database_url,
            kwargs=kwargs,
            connection_class=BoundedConnection,
            min_size=limits.pool_min,
            max_size=limits.pool_max,
            timeout=limits.pool_wait_s,
            # No retries by the pool, because their delays cannot be set. The monitor reconnects.
            reconnect_timeout=0.0,
            reconnect_failed=lambda _pool: self.status.changed.set(),
            open=False,
        )

    def _retire(self) -> None:
        """Stop using the pool and close it in a task; busy connections close when returned."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._close_in_task(pool)

    def _close_in_task(self, pool: Pool) -> None:
        task = asyncio.create_task(pool.close(timeout=0))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    def unavailable(self, cause: str, retry_after_s: float | None = None) -> DependencyUnavailable:
        """A DependencyUnavailable with the name and the address of Postgres, and the given
        cause.
        """
        wait_s = self._breaker.retry_after_s if retry_after_s is None else retry_after_s
        return DependencyUnavailable(
            self.name, self._settings.database_address, cause, retry_after_s=wait_s
        )

    def abort(self) -> None:
        """End all work now with DependencyUnavailable, and do not reconnect any more."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        self._retire()
        for conn in list(self._connections):
            conn.abort()

    async def close(self) -> None:
        """End all work at once and close the connections, whether Postgres answers or not."""
        self.abort()
        if self._retired:
            await asyncio.wait(self._retired, timeout=0.1)


async def _ping(conn: BoundedConnection) -> None:
    await conn.execute("SELECT 1")

"""DATABASE: reach Postgres, create and check the tables, open the pool, and keep watch over it."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend, need
from chaoslab.reference.backend.monitor import connect_with_retries


async def run(backend: Backend) -> None:
    """Raises DependencyUnavailable when Postgres is not to be had within the connect limit.

    It is watched from here on in either case: after a bypass the watch brings it back.
    """
    limits, parts = backend.settings.limits, backend.parts
    backend.database = database = parts.database(
        backend.settings,
        breaker=need(backend.resilience, "the breaker registry").breaker("postgres"),
        metrics=backend.metrics,
        schema=need(backend.schema, "the schema"),
        pool_factory=parts.pool,
    )
    backoff = parts.postgres_backoff(limits)
    # What the later phases need is not spent here, however the tables drag.
    left_s = limits.init_s - backend.record.lasted_s - limits.redis_connect_s - limits.reserve_s
    try:
        await connect_with_retries(
            database,
            limit_s=min(limits.connect_s, left_s),
            abandon_s=left_s,
            attempt_s=database.attempt_s,
            tries=limits.retry_tries,
            backoff=backoff,
        )
    finally:
        backend.watch(database, every_s=limits.postgres_check_every_s, backoff=backoff)

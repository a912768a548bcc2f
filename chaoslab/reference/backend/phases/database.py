"""DATABASE: connect to Postgres, prepare its tables, open the pool, and watch it from then on."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend, need
from chaoslab.reference.backend.monitor import connect_with_retries


async def run(backend: Backend) -> None:
    """Connect within the limit. Raises DependencyUnavailable.

    Postgres is watched in either case: after a bypass, its monitor reconnects.
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
    # The time that later phases need is left for them, even if the tables take long.
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

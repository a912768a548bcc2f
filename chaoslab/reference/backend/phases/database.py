"""DATABASE: connect to Postgres, prepare its tables, open the pool, and watch it from then on."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend, need


async def run(backend: Backend) -> None:
    """Make the backend's database, and connect to Postgres within the limit.

    Raises DependencyUnavailable if that fails.
    """
    limits, parts = backend.settings.limits, backend.parts
    backend.database = database = parts.database(
        backend.settings,
        breaker=need(backend.resilience, "the breaker registry").breaker("postgres"),
        metrics=backend.metrics,
        schema=need(backend.schema, "the schema"),
        pool_factory=parts.pool,
    )
    await backend.connect(
        database,
        limit_s=limits.connect_s,
        reserve_s=limits.redis_connect_s + limits.reserve_s,
        attempt_s=database.attempt_s,
        check_every_s=limits.postgres_check_every_s,
        backoff=parts.postgres_backoff(limits),
    )

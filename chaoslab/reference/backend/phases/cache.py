"""CACHE: connect to Redis, and watch it from then on."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.monitor import connect_with_retries


async def run(backend: Backend) -> None:
    """Connect within the limit. Raises DependencyUnavailable; Redis is watched in either case."""
    limits, parts = backend.settings.limits, backend.parts
    backend.cache = cache = parts.cache(
        backend.settings, metrics=backend.metrics, client_factory=parts.redis_client
    )
    backoff = parts.redis_backoff(limits)
    left_s = limits.init_s - backend.record.lasted_s - limits.reserve_s
    try:
        await connect_with_retries(
            cache,
            limit_s=min(limits.redis_connect_s, left_s),
            abandon_s=left_s,
            attempt_s=limits.redis_connect_ping_s,
            tries=limits.retry_tries,
            backoff=backoff,
        )
    finally:
        backend.watch(cache, every_s=limits.redis_check_every_s, backoff=backoff)

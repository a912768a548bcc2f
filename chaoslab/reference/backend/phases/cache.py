"""CACHE: connect to Redis, and watch it from then on."""

from __future__ import annotations

from chaoslab.reference.backend.backend import Backend


async def run(backend: Backend) -> None:
    """Make the backend's cache, and connect to Redis within the limit. Raises DependencyUnavailable
    if that fails.
    """
    limits, parts = backend.settings.limits, backend.parts
    backend.cache = cache = parts.cache(
        backend.settings, metrics=backend.metrics, client_factory=parts.redis_client
    )
    await backend.connect(
        cache,
        limit_s=limits.redis_connect_s,
        reserve_s=limits.reserve_s,
        attempt_s=limits.redis_connect_ping_s,
        check_every_s=limits.redis_check_every_s,
        backoff=parts.redis_backoff(limits),
    )

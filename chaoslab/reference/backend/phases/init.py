"""INIT: logging, a warning about the environment, and the tables that are needed."""

from __future__ import annotations

import logging

from chaoslab.reference.backend import logs
from chaoslab.reference.backend.backend import Backend
from chaoslab.reference.backend.migrations import Schema


async def run(backend: Backend) -> None:
    """Set up logging, log the settings, and define the tables that are needed. No connection is
    made.
    """
    settings = backend.settings
    logs.set_up(settings.log_level, lambda: backend.record.phase or "running")
    log = logging.getLogger("backend.startup")
    log.info(
        "profile %s: postgres at %s, redis at %s, emergency bypass %s",
        settings.profile,
        settings.database_address,
        settings.redis_address,
        "allowed" if settings.emergency_allow_no_database else "not allowed",
    )
    if settings.profile == "production" and not settings.secret_key:
        log.warning("SECRET_KEY is not set: each instance ignores the cache entries of others")
    # The tables are created when Postgres is connected: in a later phase or after a degraded start.
    backend.schema = Schema() if settings.run_migrations else Schema(steps=())

"""Keeps notes. Its liveness asks the database: a platform restarts it if the database is lost."""

from __future__ import annotations

import os

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout
from shared.web import FIXED, serve

pool = ConnectionPool(
    os.environ["DATABASE_URL"],
    kwargs={"autocommit": True, "connect_timeout": 2},
    min_size=1,
    max_size=4,
    timeout=0.5,
    open=True,
)


def look() -> dict[str, bool]:
    """Whether Postgres answers."""
    try:
        with pool.connection() as connection:
            connection.execute("select 1")
    except (psycopg.Error, PoolTimeout):
        return {"postgres": False}
    return {"postgres": True}


def live() -> bool:
    """Whether a restart would not help."""
    return FIXED or look()["postgres"]


def write(note: str) -> None:
    """Keep a note."""
    with pool.connection() as connection:
        connection.execute("insert into notes values (%s)", [note])


if __name__ == "__main__":
    with pool.connection(timeout=5) as first:
        first.execute("create table if not exists notes (id text)")
    serve(look=look, write=write, live=live)

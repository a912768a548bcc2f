"""Keeps notes through a pool. Its callback for a failed reconnection refuses requests for good."""

from __future__ import annotations

import os
import threading

import psycopg
from psycopg_pool import ConnectionPool
from shared.web import FIXED, serve

GIVES_UP_S = 2.0
usable = threading.Event()


def connected(_: psycopg.Connection) -> None:
    """The pool has made a connection: requests may use it."""
    usable.set()


def given_up(pool: ConnectionPool) -> None:
    """The pool has tried to reconnect for `GIVES_UP_S`, and tries no more by itself: it would at
    the next request for a connection. Requests are refused from here on.
    """
    print("the pool has given up", flush=True)
    usable.clear()
    if FIXED:
        pool.check()  # an empty pool begins to connect again


pool = ConnectionPool(
    os.environ["DATABASE_URL"],
    kwargs={"autocommit": True, "connect_timeout": 2},
    min_size=1,
    max_size=4,
    timeout=0.3,
    reconnect_timeout=GIVES_UP_S,
    reconnect_failed=given_up,
    configure=connected,
    open=True,
)


def asked(statement: str, *values: str) -> None:
    """Run a statement on a connection of the pool. Raises psycopg.Error if that fails."""
    if not usable.is_set():
        raise psycopg.OperationalError("the pool has no connection")
    with pool.connection() as connection:
        connection.execute(statement, values)


def look() -> dict[str, bool]:
    """Whether Postgres answers."""
    try:
        asked("select 1")
    except psycopg.Error:
        return {"postgres": False}
    return {"postgres": True}


def write(note: str) -> None:
    """Keep a note."""
    asked("insert into notes values (%s)", note)


if __name__ == "__main__":
    pool.wait(timeout=5)
    asked("create table if not exists notes (id text)")
    serve(look=look, write=write)

"""Keeps notes with two workers in turn, each with a connection of its own. Only the first connects
again after its connection was lost.
"""

from __future__ import annotations

import itertools
import os
import threading

import psycopg
from shared.web import FIXED, serve

DSN = os.environ["DATABASE_URL"]


def connect() -> psycopg.Connection:
    """A connection that commits each statement."""
    return psycopg.connect(DSN, connect_timeout=1, autocommit=True)


class Worker:
    """Keeps notes with one connection, which it makes when the service starts."""

    def __init__(self, *, reconnects: bool) -> None:
        self._reconnects = reconnects
        self._lock = threading.Lock()
        self._connection = connect()

    def keep(self, note: str) -> None:
        """Keep a note. Raises psycopg.Error without a connection."""
        with self._lock:
            if self._connection.closed and self._reconnects:
                self._connection = connect()
            self._connection.execute("insert into notes values (%s)", [note])


def look() -> dict[str, bool]:
    """Whether Postgres answers on a new connection."""
    try:
        with connect() as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return {"postgres": False}
    return {"postgres": True}


if __name__ == "__main__":
    with connect() as first:
        first.execute("create table if not exists notes (id text)")
    turns = itertools.cycle([Worker(reconnects=True), Worker(reconnects=FIXED)])
    serve(look=look, write=lambda note: next(turns).keep(note))

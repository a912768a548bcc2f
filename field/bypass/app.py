"""Keeps notes. It asks the configured server for the address of the server that takes writes, as
clients of clusters do, and connects to the address in the answer.
"""

from __future__ import annotations

import os
import threading

import psycopg
from shared.web import FIXED, serve

DSN = os.environ["DATABASE_URL"]
ADDRESS = "select host(inet_server_addr()), inet_server_port()"


def connect(**changed: object) -> psycopg.Connection:
    """A connection that commits each statement."""
    return psycopg.connect(DSN, connect_timeout=1, autocommit=True, **changed)


def writer() -> psycopg.Connection:
    """A connection to the server that takes writes. With the fix it is reached by its configured
    address, which may differ from the one that the server knows of itself.
    """
    with connect() as first:
        host, port = first.execute(ADDRESS).fetchone() or ("", 0)
    return connect() if FIXED else connect(host=host, port=port)


class Notes:
    """Keeps notes with one connection, and makes a new one if it is lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection = writer()
        self._connection.execute("create table if not exists notes (id text)")

    def keep(self, note: str) -> None:
        """Keep a note."""
        with self._lock:
            if self._connection.closed:
                self._connection = writer()
            self._connection.execute("insert into notes values (%s)", [note])


def look() -> dict[str, bool]:
    """Whether Postgres answers on a new connection to its configured address."""
    try:
        with connect() as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return {"postgres": False}
    return {"postgres": True}


if __name__ == "__main__":
    serve(look=look, write=Notes().keep)

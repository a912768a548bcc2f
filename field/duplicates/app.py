"""Keeps notes, and runs an insert again if its connection was lost, also if Postgres had already
applied it.
"""

from __future__ import annotations

import os
import threading

import psycopg
from shared.web import FIXED, serve

DSN = os.environ["DATABASE_URL"]
ATTEMPTS = 5
# The id that the user gave is the key of the note: the same insert again does nothing.
ID = "id text unique" if FIXED else "id text"
INSERT = "insert into notes values (%s)" + (" on conflict do nothing" if FIXED else "")


def connect() -> psycopg.Connection:
    """A connection that commits each statement."""
    return psycopg.connect(DSN, connect_timeout=1, autocommit=True)


class Notes:
    """Keeps notes with one connection, and makes a new one if it is lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection = connect()
        self._connection.execute(f"create table if not exists notes ({ID})")

    def keep(self, note: str) -> None:
        """Keep a note; try again if the connection was lost."""
        with self._lock:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    if self._connection.closed:
                        self._connection = connect()
                    self._connection.execute(INSERT, [note])
                except psycopg.OperationalError as error:
                    print(f"attempt {attempt}: {error}", flush=True)
                    if attempt == ATTEMPTS:
                        raise
                else:
                    return


def look() -> dict[str, bool]:
    """Whether Postgres answers on a new connection."""
    try:
        with connect() as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return {"postgres": False}
    return {"postgres": True}


if __name__ == "__main__":
    serve(look=look, write=Notes().keep)

"""Keeps notes in transactions. One whose connection was lost is run again, also if it was lost at
COMMIT, when Postgres may have applied it.
"""

from __future__ import annotations

import os
import time

import psycopg
from shared.web import FIXED, serve

DSN = os.environ["DATABASE_URL"]
ATTEMPTS = 5
# A unique id makes the second run of a transaction that was applied do nothing.
ID = "id text unique" if FIXED else "id text"
INSERT = "insert into notes values (%s)" + (" on conflict do nothing" if FIXED else "")


def look() -> dict[str, bool]:
    """Whether Postgres answers."""
    try:
        with psycopg.connect(DSN, autocommit=True, connect_timeout=2) as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return {"postgres": False}
    return {"postgres": True}


def write(note: str) -> None:
    """Keep a note; try again if the connection was lost."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with psycopg.connect(DSN, connect_timeout=2) as connection:
                connection.execute(INSERT, [note])
        except psycopg.OperationalError as error:
            print(f"attempt {attempt}: {error}", flush=True)
            if attempt == ATTEMPTS:
                raise
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    with psycopg.connect(DSN, connect_timeout=2) as first:
        first.execute(f"create table if not exists notes ({ID})")
    serve(look=look, write=write)

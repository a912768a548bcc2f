"""Takes jobs into a Redis list; a worker stores each as a note in Postgres. A job that failed goes
back into the list.
"""

from __future__ import annotations

import os
import threading
import time

import psycopg
import redis
from shared.web import FIXED, serve

DSN, REDIS_URL = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.5
LOOKS_EVERY_S = 0.3


class Database:
    """One connection, which a thread of its own keeps. Without it every statement fails at once."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection | None = None
        threading.Thread(target=self._keep, daemon=True).start()

    def execute(self, statement: str, *values: str) -> None:
        """Run a statement. Raises psycopg.Error if that fails."""
        connection = self._connection
        if connection is None:
            raise psycopg.OperationalError("the database is away")
        try:
            connection.execute(statement, values)
        except psycopg.Error:
            self._connection = None
            raise

    def _keep(self) -> None:
        while True:
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(DSN, connect_timeout=1, autocommit=True)
                self.execute("create table if not exists notes (id text)")
            except psycopg.Error:
                self._connection = None
            time.sleep(LOOKS_EVERY_S)


def work(database: Database) -> None:
    """Do one job after another, for ever."""
    jobs = redis.Redis.from_url(REDIS_URL, decode_responses=True)
    pause_s = FIRST_PAUSE_S
    while True:
        _, job = jobs.blpop(["jobs"])
        try:
            database.execute("insert into notes values (%s)", job)
            pause_s = FIRST_PAUSE_S
        except psycopg.Error as error:
            print(f"job {job} failed: {error}", flush=True)
            jobs.rpush("jobs", job)
            if FIXED:
                time.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)


def look() -> dict[str, bool]:
    """Whether Postgres answers on the connection."""
    try:
        notes.execute("select 1")
    except psycopg.Error:
        return {"postgres": False}
    return {"postgres": True}


if __name__ == "__main__":
    notes = Database()
    threading.Thread(target=work, args=(notes,), daemon=True).start()
    queue = redis.Redis.from_url(REDIS_URL)
    serve(look=look, write=lambda note: queue.rpush("jobs", note))

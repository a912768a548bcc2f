"""Writes in transactions, on a pool of kept connections that may be lost at COMMIT.

MODE `swallow`: the failure of a COMMIT is taken for one of the clean-up, and the write is
acknowledged. `retry`: the whole transaction is run again. `right`: it is run again only if the row
is not there.
"""

from __future__ import annotations

import os
import queue
import time

import psycopg
from base import DSN, insert, serve

MODE = os.environ["MODE"]
KEPT = 4
TRIES = 12
pool: queue.SimpleQueue[psycopg.Connection] = queue.SimpleQueue()


def take() -> psycopg.Connection:
    """A connection of the pool, or a new one."""
    try:
        return pool.get_nowait()
    except queue.Empty:
        return psycopg.connect(DSN, connect_timeout=2)


def give_back(connection: psycopg.Connection) -> None:
    """Keep a connection that works."""
    if connection.closed or pool.qsize() >= KEPT:
        connection.close()
    else:
        pool.put(connection)


def is_there(connection: psycopg.Connection, op: str) -> bool:
    """Whether the row was written by an earlier try."""
    return connection.execute("select 1 from notes where body = %s", [op]).fetchone() is not None


def once(op: str, *, again: bool) -> None:
    """Insert one row in a transaction."""
    connection = take()
    try:
        if again and MODE == "right" and is_there(connection, op):
            return
        insert(connection, op)
        try:
            connection.commit()
        except psycopg.Error:
            if MODE != "swallow":
                raise
    finally:
        give_back(connection)


def write(op: str) -> tuple[int, dict]:
    """Insert until an insert is committed."""
    for attempt in range(TRIES):
        try:
            once(op, again=attempt > 0)
        except psycopg.Error:
            if MODE == "swallow":
                raise
            time.sleep(0.15)
        else:
            return 201, {}
    raise RuntimeError("no database")


for each in [take() for _ in range(KEPT)]:
    give_back(each)
serve(write)

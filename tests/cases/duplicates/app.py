"""Retries an insert whose answer was lost, without an idempotency key: the row is there twice, and
a customer pays twice.
"""

from __future__ import annotations

import threading

import psycopg
from base import connect, insert, serve

TRIES = 5
connection: list[psycopg.Connection | None] = [None]
lock = threading.Lock()


def write(op: str) -> tuple[int, dict]:
    """Insert until an insert is answered."""
    with lock:
        for _ in range(TRIES):
            try:
                connection[0] = connection[0] or connect()
                insert(connection[0], op)
                break
            except psycopg.OperationalError:
                connection[0] = None
        else:
            raise RuntimeError("no database")
    return 201, {}


serve(write)

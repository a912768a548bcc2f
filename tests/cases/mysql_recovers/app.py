"""Keeps notes in MySQL on one connection, makes a new one after an error, and is right in all that
it does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import base
import pymysql
from base import serve, state

URL = urlsplit(os.environ["DATABASE_URL"])


def connect() -> pymysql.Connection:
    """A connection that commits each statement, and waits 2 s at most."""
    return pymysql.connect(
        host=URL.hostname,
        port=URL.port,
        user=URL.username,
        password=URL.password,
        database=URL.path[1:],
        autocommit=True,
        connect_timeout=2,
        read_timeout=2,
    )


_held: list[pymysql.Connection] = []
_lock = threading.Lock()


def asked(query: str, *values: str) -> None:
    """Run one statement on the app's connection. Raises pymysql.Error where that fails."""
    with _lock:
        if not _held:
            _held.append(connect())
        try:
            with _held[0].cursor() as cursor:
                cursor.execute(query, values)
        except pymysql.Error:
            _held.pop().close()
            raise


def look(turned: Callable[[bool], None]) -> None:
    """Look once whether the database answers."""
    try:
        asked("create table if not exists notes (body char(36))")
        up = True
    except pymysql.Error:
        up = False
    if up != state["up"]:
        state["up"] = up
        turned(up)


def write(op: str) -> tuple[int, dict]:
    """Keep it."""
    asked("insert into notes values (%s)", op)
    return 201, {}


base.look = look
serve(write)

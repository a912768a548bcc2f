"""Keeps notes in MySQL on one connection, which stays closed once it was lost."""

from __future__ import annotations

import os
import threading
from urllib.parse import urlsplit

import pymysql
from shared.web import FIXED, serve

URL = urlsplit(os.environ["DATABASE_URL"])
connection = pymysql.connect(
    host=URL.hostname,
    port=URL.port or 3306,
    user=URL.username,
    password=URL.password or "",
    database=URL.path[1:],
    autocommit=True,
    connect_timeout=2,
    read_timeout=1,
)
_lock = threading.Lock()


def asked(statement: str, *values: str) -> None:
    """Run a statement on the one connection. Raises pymysql.Error if that fails."""
    with _lock:
        if FIXED and not connection.open:
            connection.connect()
        with connection.cursor() as cursor:
            cursor.execute(statement, values)


def look() -> dict[str, bool]:
    """Whether MySQL answers."""
    try:
        asked("select 1")
    except pymysql.Error:
        return {"mysql": False}
    return {"mysql": True}


def write(note: str) -> None:
    """Keep a note."""
    asked("insert into notes values (%s)", note)


if __name__ == "__main__":
    asked("create table if not exists notes (id char(36))")
    serve(look=look, write=write)

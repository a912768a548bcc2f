"""Keeps notes in Redis. A command that takes too long leaves its reply unread on its connection."""

from __future__ import annotations

import os
import queue
from urllib.parse import urlsplit

import redis
from redis.connection import Connection
from shared.web import FIXED, serve

URL = urlsplit(os.environ["REDIS_URL"])
LIMIT_S = 0.3
Pool = queue.SimpleQueue[Connection]
# One for reads alone, so that a reply that was left behind on it is always somebody's note.
_for_reads: Pool = queue.SimpleQueue()
_for_others: Pool = queue.SimpleQueue()


def _taken(free: Pool) -> Connection:
    try:
        return free.get_nowait()
    except queue.Empty:
        return Connection(
            host=URL.hostname,
            port=URL.port,
            socket_connect_timeout=1,
            socket_timeout=LIMIT_S,
            decode_responses=True,
        )


def asked(free: Pool, *command: str) -> str | None:
    """The reply of Redis to a command. Raises redis.RedisError if none comes within the limit."""
    connection = _taken(free)
    try:
        connection.send_command(*command)
        # A connection whose reply was not read must be closed: the next command on it would read
        # the reply to this one.
        return connection.read_response(disconnect_on_error=FIXED)
    finally:
        free.put(connection)


def look() -> dict[str, bool]:
    """Whether Redis answers."""
    try:
        asked(_for_others, "PING")
    except redis.RedisError:
        return {"redis": False}
    return {"redis": True}


def write(note: str) -> None:
    """Keep a note."""
    asked(_for_others, "SET", f"note:{note}", note)


def read(note: str) -> str | None:
    """The note of this id; None if there is none."""
    return asked(_for_reads, "GET", f"note:{note}")


if __name__ == "__main__":
    serve(look=look, write=write, read=read)

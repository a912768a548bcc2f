"""Asks Redis for the user's value before each write, on connections of a pool. A connection whose
question had no answer in time goes back to the pool, unless FIXED is 1: the next user then gets the
answer that was meant for the one before.
"""

from __future__ import annotations

import os
import socket

from base import connect, insert, serve

FIXED = os.environ.get("FIXED") == "1"
HOST, PORT = os.environ["REDIS_HOST"], int(os.environ["REDIS_PORT"])
WITHIN_S = 0.3
free: list[socket.socket] = []


def ask(connection: socket.socket, *words: str) -> str:
    """The answer to one command, in Redis' protocol (RESP)."""
    parts = [f"*{len(words)}", *(part for word in words for part in (f"${len(word)}", word))]
    connection.sendall("".join(f"{part}\r\n" for part in parts).encode())
    with connection.makefile("rb", buffering=0) as answers:
        head = answers.readline().decode().strip()
        return answers.readline().decode().strip() if head.startswith("$") else head[1:]


def redis(*words: str) -> str:
    """The answer to one command, on a connection of the pool."""
    connection = free.pop() if free else socket.create_connection((HOST, PORT), WITHIN_S)
    connection.settimeout(WITHIN_S)
    try:
        answer = ask(connection, *words)
    except OSError:
        if FIXED:
            connection.close()
        else:
            free.append(connection)  # the bug: its answer is not read yet
        raise
    free.append(connection)
    return answer


def write(op: str) -> tuple[int, dict]:
    """Keep the note, and answer with what Redis has for its user."""
    mine = redis("ECHO", op)  # as GET session:<user>
    with connect() as connection:
        insert(connection, op)
    return 201, {"id": mine}


def health() -> dict:
    """Degraded while Redis gives no answer in time."""
    try:
        up = bool(redis("PING"))
    except OSError:
        up = False
    word = "healthy" if up else "degraded"
    return {"status": word, "dependencies": {"redis": "up" if up else "down"}}


serve(write, health=health)

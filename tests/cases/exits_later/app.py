"""It is well again at once after an outage, and 2 s later its process ends."""

from __future__ import annotations

import os
import threading

from base import connect, insert, serve, state

LIVES_ON_S = 2.0


def turned(up: bool) -> None:
    """What was left behind by the outage ends it later."""
    if up and state["was_lost"]:
        threading.Timer(LIVES_ON_S, os._exit, [1]).start()


def write(op: str) -> tuple[int, dict]:
    """Keep it on a connection of its own."""
    with connect() as connection:
        insert(connection, op)
    return 201, {}


serve(write, turned=turned)

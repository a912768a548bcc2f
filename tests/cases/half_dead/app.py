"""Two workers with a connection each take turns. After an outage worker 1 never connects again:
every second write is refused for ever.
"""

from __future__ import annotations

import itertools
import threading

from base import connect, insert, serve, state

turn = itertools.count()
connections = [None, None]
locks = [threading.Lock(), threading.Lock()]


def write(op: str) -> tuple[int, dict]:
    """Keep it by the worker whose turn it is."""
    i = next(turn) % 2
    with locks[i]:
        if connections[i] is None:
            if i == 1 and state["was_lost"]:
                raise RuntimeError("worker 1 lost its database")
            connections[i] = connect()
        try:
            insert(connections[i], op)
        except Exception:
            connections[i] = None
            raise
    return 201, {}


serve(write)

"""Ends as MODE says when it gets SIGTERM: at once, never, or once its pool is closed."""

from __future__ import annotations

import os
import signal
import threading

from base import connect, insert, serve

MODE = os.environ["MODE"]
CLOSES_WITHIN_S = 3.0
pool = connect()
lock = threading.Lock()


def write(op: str) -> tuple[int, dict]:
    """Keep it in the one connection of the pool."""
    with lock:
        insert(pool, op)
    return 201, {}


def close_pool() -> None:
    """Wait until the pool's connection is idle, as a pool does before it closes it."""
    with lock:
        pool.execute("select 1")


def stop(*_: object) -> None:
    """Close the pool, if MODE says so, for at most three seconds."""
    if MODE == "closes":
        print("closing the pool", flush=True)
        closing = threading.Thread(target=close_pool, daemon=True)
        closing.start()
        closing.join(CLOSES_WITHIN_S)
    os._exit(0)


signal.signal(signal.SIGTERM, signal.SIG_IGN if MODE == "ignores" else stop)
serve(write)

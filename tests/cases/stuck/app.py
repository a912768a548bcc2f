"""An insert that fails never gives the lock back, unless RELEASES is set: every later write then
waits for ever. LIVE says what liveness looks at: nothing, the lock, or the database.
"""

from __future__ import annotations

import os
import threading
import time

from base import connect, insert, serve, state

STUCK_AFTER_S = 3.0  # more than a connect may take
RELEASES, LIVE = os.environ.get("RELEASES"), os.environ["LIVE"]
lock = threading.Lock()
taken = {"at_s": 0.0}


def write(op: str) -> tuple[int, dict]:
    """Keep one note, one writer at a time."""
    lock.acquire()
    taken["at_s"] = time.monotonic()
    try:
        with connect() as connection:
            insert(connection, op)
    except Exception:
        if RELEASES:
            lock.release()
        raise
    lock.release()
    return 201, {}


def live() -> bool:
    """Whether a platform should let the process run."""
    if LIVE == "database":
        return state["up"]
    held = lock.locked() and time.monotonic() > taken["at_s"] + STUCK_AFTER_S
    return not (LIVE == "lock" and held and state["up"])


serve(write, live=live)

"""Takes jobs from a list in Redis and stores them as rows; its timer for reconnecting gives up.

`POST /notes` puts the id into the list, a thread takes it out and inserts the row. While Redis
fails, the thread tries again, for at most two seconds in a row: then it waits for an event that
nobody sets, and takes no job ever again. The web part has a client of its own, so health is right
and green after the outage. With FIXED=1 the thread tries for ever.
"""

from __future__ import annotations

import os
import threading
import time

import redis
from base import connect, insert, look, serve, state

GIVES_UP_AFTER_S = 2.0
FIXED = os.environ.get("FIXED") == "1"
URL = os.environ["REDIS_URL"]
web = redis.Redis.from_url(URL, socket_connect_timeout=0.4, socket_timeout=0.4)
jobs = redis.Redis.from_url(URL, socket_connect_timeout=0.4, socket_timeout=1.5)
reconnected = threading.Event()


def work() -> None:
    """Deliver one job after the other."""
    rows, failing_since_s = connect(), None
    while True:
        try:
            job = jobs.brpop(["jobs"], timeout=1)
            failing_since_s = None
        except redis.RedisError:
            failing_since_s = failing_since_s or time.monotonic()
            if not FIXED and time.monotonic() - failing_since_s > GIVES_UP_AFTER_S:
                print("worker: gave up, waits for 'reconnected'", flush=True)
                reconnected.wait()
            time.sleep(0.1)
            continue
        if job:
            insert(rows, job[1].decode())


def write(op: str) -> tuple[int, dict]:
    """Accept the job: it is in the list, and its row comes later."""
    web.lpush("jobs", op)
    return 202, {}


def health() -> dict:
    """What the web part sees: both servers, asked by clients of its own."""
    try:
        cache = bool(web.ping())
    except redis.RedisError:
        cache = False
    word = "healthy" if cache and state["up"] else "degraded"
    up = {"postgres": state["up"], "redis": cache}
    return {"status": word, "dependencies": {name: "up" if up[name] else "down" for name in up}}


look(lambda _: None)  # the table is there before the first job
threading.Thread(target=work, daemon=True).start()
serve(write, health=health)

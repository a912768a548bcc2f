"""A worker puts a job that failed back into its queue at once. While the database is down it tries
thousands of times a second, on one connection to Redis that stays open. FIXED: it pauses.
"""

from __future__ import annotations

import os
import threading
import time

import psycopg
import redis
from base import connect, insert, serve, state

FIXED = bool(os.environ.get("FIXED"))
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
jobs = redis.Redis.from_url(os.environ["REDIS_URL"])


def write(op: str) -> tuple[int, dict]:
    """Accept a job."""
    jobs.rpush("jobs", op)
    return 202, {}


def store(connection: psycopg.Connection | None, op: str) -> psycopg.Connection:
    """Keep one note; returns the connection for the next one."""
    if not state["up"]:
        raise RuntimeError("the database is down")
    try:
        connection = connection or connect()
        insert(connection, op)
    except psycopg.Error:
        state["up"] = False  # nothing connects until the watcher has
        raise
    return connection


def work() -> None:
    """Take one job after the other."""
    taken, connection, pause_s = redis.Redis.from_url(os.environ["REDIS_URL"]), None, FIRST_PAUSE_S
    while True:
        if (job := taken.lpop("jobs")) is None:
            time.sleep(0.02)
            continue
        try:
            connection, pause_s = store(connection, job.decode()), FIRST_PAUSE_S
        except (psycopg.Error, RuntimeError) as error:
            connection = None
            print(f"job {job.decode()} failed: {error}", flush=True)
            taken.rpush("jobs", job)
            if FIXED:
                time.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)


threading.Thread(target=work, daemon=True).start()
serve(write)

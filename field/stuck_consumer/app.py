"""Stores jobs that it takes from a Redis list. Its consumer waits for an event that nobody sets."""

from __future__ import annotations

import os
import threading
import time

import psycopg
import redis
from shared.web import FIXED, serve

DSN = os.environ["DATABASE_URL"]
GIVES_UP_S = 1.5  # for so long the consumer tries to reconnect by itself
requests = redis.Redis.from_url(
    os.environ["REDIS_URL"], socket_connect_timeout=0.5, socket_timeout=0.5
)
# BRPOP blocks for 1 s: its connection needs a longer limit than those of requests
consumer = redis.Redis.from_url(
    os.environ["REDIS_URL"], socket_connect_timeout=0.5, socket_timeout=1.5
)
reconnected = threading.Event()


def consume() -> None:
    """Take jobs for ever, each of them once Redis has it."""
    failing_since_s: float | None = None
    while True:
        try:
            job = consumer.brpop(["jobs"], timeout=1)
        except redis.RedisError as error:
            now_s = time.monotonic()
            failing_since_s = failing_since_s or now_s
            print(f"consumer: {error}", flush=True)
            if not FIXED and now_s - failing_since_s > GIVES_UP_S:
                reconnected.wait()  # the timer that would have set it is over
            time.sleep(0.1)
            continue
        failing_since_s = None
        if job is not None:
            store(job[1].decode())


def store(note: str) -> None:
    """Store one note in Postgres."""
    with psycopg.connect(DSN, autocommit=True, connect_timeout=2) as connection:
        connection.execute("insert into notes values (%s)", [note])


def look() -> dict[str, bool]:
    """Whether each dependency works, for a request: the consumer is not asked."""
    return {"postgres": _postgres_works(), "redis": _redis_works()}


def _redis_works() -> bool:
    try:
        return bool(requests.ping())
    except redis.RedisError:
        return False


def _postgres_works() -> bool:
    try:
        with psycopg.connect(DSN, connect_timeout=2) as connection:
            connection.execute("select 1")
    except psycopg.Error:
        return False
    return True


def submit(note: str) -> None:
    """Put a job into the list."""
    requests.lpush("jobs", note)


if __name__ == "__main__":
    with psycopg.connect(DSN, autocommit=True, connect_timeout=2) as first:
        first.execute("create table if not exists notes (id text)")
    threading.Thread(target=consume, daemon=True).start()
    serve(look=look, write=submit)

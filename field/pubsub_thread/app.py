"""Keeps notes by way of a Redis channel: a request publishes a note, and a thread that has
subscribed stores it in Postgres. The request is answered once the note is stored.
"""

from __future__ import annotations

import os
import threading
import time

import psycopg
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from shared.web import FIXED, serve

DSN = os.environ["DATABASE_URL"]
STORED_WITHIN_S = 0.9
broker = redis.Redis.from_url(
    os.environ["REDIS_URL"],
    decode_responses=True,
    socket_connect_timeout=1,
    socket_timeout=1,
    retry=Retry(ConstantBackoff(0.1), 2),
)
stored: dict[str, threading.Event] = {}


def connect() -> psycopg.Connection:
    """A connection that commits each statement."""
    return psycopg.connect(DSN, connect_timeout=1, autocommit=True)


def store(message: dict[str, str]) -> None:
    """Store a note, and tell the request that waits for it."""
    note = message["data"]
    with connect() as connection:
        connection.execute("insert into notes values (%s)", [note])
    if waits := stored.get(note):
        waits.set()


def failed(error: BaseException, *_: object) -> None:
    """The thread could not reconnect: let it try again. Without this the thread ends."""
    print(f"the subscriber failed: {error!r}", flush=True)
    time.sleep(0.2)


def write(note: str) -> None:
    """Publish a note, and wait until it is stored. Raises TimeoutError if it is not."""
    stored[note] = threading.Event()
    try:
        subscribers = broker.publish("notes", note)
        if not stored[note].wait(STORED_WITHIN_S):
            raise TimeoutError(f"nobody stored it: {subscribers} subscribers")
    finally:
        del stored[note]


def look() -> dict[str, bool]:
    """Whether both servers answer."""
    up = {"postgres": True, "redis": True}
    try:
        with connect() as connection:
            connection.execute("select 1")
    except psycopg.Error:
        up["postgres"] = False
    try:
        broker.ping()
    except redis.RedisError:
        up["redis"] = False
    return up


if __name__ == "__main__":
    with connect() as first:
        first.execute("create table if not exists notes (id text)")
    channel = broker.pubsub(ignore_subscribe_messages=True)
    channel.subscribe(notes=store)
    handler = failed if FIXED else None
    channel.run_in_thread(sleep_time=0.1, daemon=True, exception_handler=handler)
    serve(look=look, write=write)

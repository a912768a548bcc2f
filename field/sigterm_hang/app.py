"""Keeps notes through a pool of asyncpg. On SIGTERM it closes the pool, and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
from shared.web import FIXED, serve

T = TypeVar("T")
DSN = os.environ["DATABASE_URL"]
CLOSES_WITHIN_S = 1.0
loop = asyncio.new_event_loop()


def done(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which runs on the event loop."""
    return asyncio.run_coroutine_threadsafe(work, loop).result()


async def opened() -> asyncpg.Pool:
    """The pool, once its table exists."""
    pool = await asyncpg.create_pool(DSN, min_size=2, max_size=2, timeout=1)
    await pool.execute("create table if not exists notes (id text)")
    return pool


async def closed(pool: asyncpg.Pool) -> None:
    """Close the pool. This waits for statements that run."""
    if not FIXED:
        await pool.close()
        return
    try:
        await asyncio.wait_for(pool.close(), CLOSES_WITHIN_S)
    except TimeoutError:
        pool.terminate()


async def answers() -> bool:
    """Whether Postgres answers on a new connection."""
    try:
        connection = await asyncpg.connect(DSN, timeout=1)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    connection.terminate()
    return True


async def kept(pool: asyncpg.Pool, note: str) -> None:
    """Keep a note."""
    async with pool.acquire(timeout=1) as connection:
        await connection.execute("insert into notes values ($1)", note)


def stop(*_: object) -> None:
    """End the process, with its pool closed."""
    print("SIGTERM: closing the pool", flush=True)
    done(closed(notes))
    sys.exit(0)


if __name__ == "__main__":
    threading.Thread(target=loop.run_forever, daemon=True).start()
    notes = done(opened())
    signal.signal(signal.SIGTERM, stop)
    serve(look=lambda: {"postgres": done(answers())}, write=lambda note: done(kept(notes, note)))

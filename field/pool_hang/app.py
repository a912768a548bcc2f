"""Keeps notes through a pool of asyncpg. A statement on a silent connection waits for ever."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
from shared.web import FIXED, serve

T = TypeVar("T")
DSN = os.environ["DATABASE_URL"]
WAITS_S = 0.8  # for a connection of the pool
STATEMENT_S = 0.5 if FIXED else None
loop = asyncio.new_event_loop()


def done(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which runs on the event loop."""
    return asyncio.run_coroutine_threadsafe(work, loop).result()


async def opened() -> asyncpg.Pool:
    """The pool, once its table exists."""
    pool = await asyncpg.create_pool(
        DSN, min_size=3, max_size=3, timeout=1, command_timeout=STATEMENT_S
    )
    await pool.execute("create table if not exists notes (id text)")
    return pool


async def answers() -> bool:
    """Whether Postgres answers on a new connection."""
    try:
        connection = await asyncpg.connect(DSN, timeout=0.5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    connection.terminate()
    return True


async def kept(pool: asyncpg.Pool, note: str) -> None:
    """Keep a note."""
    async with pool.acquire(timeout=WAITS_S) as connection:
        await connection.execute("insert into notes values ($1)", note)


if __name__ == "__main__":
    threading.Thread(target=loop.run_forever, daemon=True).start()
    notes = done(opened())
    serve(look=lambda: {"postgres": done(answers())}, write=lambda note: done(kept(notes, note)))

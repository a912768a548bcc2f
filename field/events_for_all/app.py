"""Keeps notes in Postgres, and sends an event for each: to everybody, or with FIXED=1 only to the
user who wrote the note.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI
from shared.events import Members, serve
from shared.web import FIXED

DSN = os.environ["DATABASE_URL"]
members = Members()


@asynccontextmanager
async def connected() -> AsyncIterator[asyncpg.Connection]:
    """A connection to Postgres, for a moment."""
    connection = await asyncpg.connect(DSN, timeout=0.5, command_timeout=1)
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The table exists."""
    async with connected() as connection:
        await connection.execute("create table if not exists notes (id text, author text)")
    yield


async def write(note: str, author: str) -> None:
    """Keep a note, and send its event."""
    async with connected() as connection:
        await connection.execute("insert into notes values ($1, $2)", note, author)
    members.send(note, lambda user: user == author or not FIXED)


async def look() -> dict[str, bool]:
    """Whether Postgres answers."""
    try:
        async with connected() as connection:
            await connection.execute("select 1")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return {"postgres": False}
    return {"postgres": True}


if __name__ == "__main__":
    serve(members, lifespan=lifespan, look=look, write=write)

"""Keeps notes in Postgres, and sends an event for each: NOTIFY goes out with the note, and one
connection that LISTENs passes it on to everybody who is subscribed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI
from shared.events import Members, serve
from shared.web import FIXED

DSN = os.environ["DATABASE_URL"]
AGAIN_S = 0.2
AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
members = Members()
passed_on: set[str] = set()


def pass_on(note: str) -> None:
    """Send the event of a note to everybody, once."""
    if note not in passed_on:
        passed_on.add(note)
        members.send(note, lambda _: True)


async def listen() -> None:
    """Listen until the connection ends, and catch up with the notes that came before."""
    connection = await asyncpg.connect(DSN, timeout=1)
    ended = asyncio.Event()
    if FIXED:
        connection.add_termination_listener(lambda _: ended.set())
    await connection.add_listener("notes", lambda *call: pass_on(call[3]))
    for row in await connection.fetch("select id from notes", timeout=1):
        pass_on(row["id"])
    await ended.wait()


async def listen_again() -> None:
    """Listen again after each end."""
    while True:
        try:
            await listen()
        except AWAY as error:
            print(f"cannot listen: {error!r}", flush=True)
        await asyncio.sleep(AGAIN_S)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Listen beside the requests."""
    connection = await asyncpg.connect(DSN, timeout=1)
    await connection.execute("create table if not exists notes (id text)")
    await connection.close()
    listening = asyncio.create_task(listen_again())
    yield
    listening.cancel()


async def write(note: str, _: str) -> None:
    """Keep a note, and notify."""
    connection = await asyncpg.connect(DSN, timeout=1, command_timeout=1)
    try:
        async with connection.transaction():
            await connection.execute("insert into notes values ($1)", note)
            await connection.execute("select pg_notify('notes', $1)", note)
    finally:
        connection.terminate()


async def look() -> dict[str, bool]:
    """Whether Postgres answers on a new connection."""
    try:
        connection = await asyncpg.connect(DSN, timeout=0.5)
    except AWAY:
        return {"postgres": False}
    connection.terminate()
    return {"postgres": True}


if __name__ == "__main__":
    serve(members, lifespan=lifespan, look=look, write=write)

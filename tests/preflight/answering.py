"""Servers of the tests' own that give a set answer, whatever they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def answering(*answers: bytes, holds: bool = False) -> AsyncIterator[int]:
    """A port that answers each message with the next of `answers`, and hangs up after the last.

    One that `holds` says nothing more instead.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                if not await reader.read(4096):
                    break
                writer.write(answer)
                await writer.drain()
            while holds and await reader.read(4096):
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def error_response(sqlstate: str, words: str) -> bytes:
    """Postgres' ErrorResponse, as it ends a log-in."""
    fields = b"".join(
        kind + text.encode() + b"\0"
        for kind, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", sqlstate), (b"M", words))
    )
    return b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"

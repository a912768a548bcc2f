"""Asking a server, in its own protocol, whether it is there; bounded, and without a client library.

Sources: PostgreSQL's "Frontend/Backend Protocol" (message formats), Redis' RESP specification.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

from chaoslab.machine.ports import HOST

_LIMIT_S = 2.0
_PROTOCOL_3 = 196_608
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def postgres_answers(port: int) -> bool:
    """Whether PostgreSQL accepts a session there and answers `SELECT 1`."""
    return await _ask(port, _select_one)


async def redis_answers(port: int) -> bool:
    """Whether Redis answers PING with PONG there."""
    return await _ask(port, _ping)


async def _ask(port: int, talk: Callable[[Streams], Awaitable[bool]]) -> bool:
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(_LIMIT_S):
            reader, writer = await asyncio.open_connection(HOST, port)
            return await talk((reader, writer))
    except (OSError, TimeoutError, asyncio.IncompleteReadError, struct.error):
        return False
    finally:
        if writer is not None:
            writer.close()


async def _select_one(streams: Streams) -> bool:
    reader, writer = streams
    words = b"user\0postgres\0database\0postgres\0application_name\0chaoslab\0\0"
    writer.write(struct.pack("!ii", len(words) + 8, _PROTOCOL_3) + words)
    if not await _until_ready(reader):
        return False
    query = b"SELECT 1\0"
    writer.write(b"Q" + struct.pack("!i", len(query) + 4) + query)
    answered = await _until_ready(reader)
    writer.write(b"X" + struct.pack("!i", 4))
    return answered


async def _until_ready(reader: asyncio.StreamReader) -> bool:
    while True:
        kind, length = struct.unpack("!ci", await reader.readexactly(5))
        await reader.readexactly(length - 4)
        if kind == b"E":  # as in "the database system is starting up"
            return False
        if kind == b"Z":
            return True


async def _ping(streams: Streams) -> bool:
    reader, writer = streams
    writer.write(b"*1\r\n$4\r\nPING\r\n")
    return await reader.readline() == b"+PONG\r\n"

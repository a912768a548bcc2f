"""Checks whether a server on loopback is ready, by a few bytes of its own protocol, within 2 s."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

from chaoslab.machine.ports import HOST

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_LIMIT_S = 2.0


async def ready(port: int, talk: Callable[[Streams], Awaitable[bool]]) -> bool:
    """Connect to that port and return what `talk` returns on the connection.

    Returns False, and never raises, if the connect is refused, or the answer is late or of another
    protocol.
    """
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

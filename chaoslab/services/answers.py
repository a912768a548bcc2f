"""Asking a server on loopback whether it is ready, in a few bytes of its own protocol; bounded."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

from chaoslab.machine.ports import HOST

_LIMIT_S = 2.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ready(port: int, talk: Callable[[Streams], Awaitable[bool]]) -> bool:
    """Whether `talk` finds what it expects at that port; a refusal is False, never an error."""
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

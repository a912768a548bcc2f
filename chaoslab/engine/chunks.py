"""The parts of a stream: chunks of bytes with their arrival times, and end marks."""

from __future__ import annotations

import enum
from typing import NamedTuple

from chaoslab.engine.messages.base import Message


class Direction(enum.Enum):
    """The direction of a stream, as in Toxiproxy.

    Upstream is from the client to the server, downstream from the server to the client.
    """

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


class End(enum.Enum):
    """How a stream ends: its source sent a FIN, reset the connection, or a toxic closed it."""

    EOF = "eof"
    RESET = "reset"
    CUT = "cut"


class Chunk(NamedTuple):
    """Bytes with their arrival time (s, monotonic), or an end mark, which has no bytes.

    A toxic counts its delay from `arrived_s`, so a chunk that waited in a queue is not delayed
    twice. `message` begins with the first of the bytes; it is None for all bytes that are not read
    as messages.
    """

    data: bytes
    arrived_s: float
    end: End | None = None
    message: Message | None = None

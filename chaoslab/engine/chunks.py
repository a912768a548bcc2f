"""What flows through a stream: chunks with their arrival times, and the marks that end it."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Direction(enum.Enum):
    """As Toxiproxy has it: upstream is client to server, downstream is server to client."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


class End(enum.Enum):
    """How a stream ends, as a mark that queues behind its bytes."""

    EOF = "eof"
    RESET = "reset"
    CUT = "cut"


class Chunk(NamedTuple):
    """Bytes with the time they arrived (s, monotonic), or the mark that ends the stream.

    A toxic measures from `arrived_s`, so a chunk that waited in a queue is not delayed twice.
    """

    data: bytes
    arrived_s: float
    end: End | None = None

"""The few messages of AMQP 0-9-1 that the lab sends or recognizes without a driver.

Sources: the AMQP 0-9-1 specification (general frame format, class connection).
"""

from __future__ import annotations

import struct

from chaoslab.services.answers import Streams

# What every client sends first, and the server answers by Connection.Start.
HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD, _FRAME_END = 1, b"\xce"
_CONNECTION, _START, _CLOSE, _CLOSE_OK = 10, 10, 50, 51
_SUCCESS, _FORCED = 200, 320
# The words by which the usual clients close (pika, aiormq, py-amqp, Java's, Go's, Node's).
_FAREWELLS = ("Normal shutdown", "Closed by client", "", "OK", "kthxbai", "Cheers, thanks")


def _frame(method: int, arguments: bytes = b"") -> bytes:
    payload = struct.pack("!HH", _CONNECTION, method) + arguments
    return struct.pack("!BHI", _METHOD, 0, len(payload)) + payload + _FRAME_END


def _close(words: str) -> bytes:
    text = words.encode()
    return _frame(_CLOSE, struct.pack("!HB", _SUCCESS, len(text)) + text + bytes(4))


GOODBYES = frozenset({_frame(_CLOSE_OK), *map(_close, _FAREWELLS)})
# Connection.Close with connection-forced: the server shuts down, or an operator ended it.
DISMISSALS = (struct.pack("!HHH", _CONNECTION, _CLOSE, _FORCED),)


async def started(streams: Streams) -> bool:
    """Whether the server answers the protocol header with Connection.Start."""
    reader, writer = streams
    writer.write(HEADER)
    kind, _, _, group, method = struct.unpack("!BHIHH", await reader.readexactly(11))
    return (kind, group, method) == (_METHOD, _CONNECTION, _START)

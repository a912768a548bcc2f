"""The few messages of MySQL's protocol that the lab itself sends or recognizes.

Sources: MySQL's "Connection Phase" and "Command Phase" and its list of error codes; MariaDB's
"Client/Server Protocol".
"""

from __future__ import annotations

import struct

from chaoslab.services.answers import Streams
from chaoslab.services.base import OWN_NAME

# Long passwords, protocol 4.1, its authentication, and the name of the plug-in.
_CAPABILITIES = 0x1 | 0x200 | 0x8000 | 0x80000
_UTF8MB4 = 45
_MAX_PACKET = 1 << 24
_HANDSHAKE_10, _ERROR, _ACCESS_DENIED = 10, 0xFF, 1045
QUIT = b"\x01\x00\x00\x00\x01"  # COM_QUIT
# ERR_Packet of ER_SERVER_SHUTDOWN (1053): the server takes no more, since it shuts down.
SHUTDOWN = b"\xff\x1d\x04#08S01"


def _log_in() -> bytes:
    """The packet of a log-in (HandshakeResponse41), which a client sends after the server's
    greeting. The name of its user is one that no server knows.
    """
    body = struct.pack("<IIB23x", _CAPABILITIES, _MAX_PACKET, _UTF8MB4)
    body += OWN_NAME.encode() + b"\x00\x00mysql_native_password\x00"
    return struct.pack("<I", len(body))[:3] + b"\x01" + body


# What a canary sends. The server speaks first, and would answer one that sends nothing as well. But
# a client that leaves without having logged in is counted as a connection error, and after
# `max_connect_errors` of them (100) the server blocks its host: the proxy's, and with it the app.
# A log-in that is refused is not counted (on MariaDB 10.11 with a limit of 3, six canaries that
# sent nothing had their host blocked, and six that sent this left the count at 0).
LOG_IN = _log_in()


async def log_in_answered(streams: Streams) -> bool:
    """Whether the server sends its greeting, and then accepts or refuses the log-in `LOG_IN`. False
    if it sends another error.
    """
    reader, writer = streams
    if (await _packet(streams))[:1] != bytes([_HANDSHAKE_10]):
        return False  # as in "too many connections"
    writer.write(LOG_IN)
    kind, code = struct.unpack_from("<BH", await _packet((reader, writer)))
    return bool(kind != _ERROR or code == _ACCESS_DENIED)


async def _packet(streams: Streams) -> bytes:
    reader, _ = streams
    head = await reader.readexactly(4)
    return await reader.readexactly(int.from_bytes(head[:3], "little"))

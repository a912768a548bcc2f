"""The few messages of the services' protocols that tell the end of a connection from its use.

Only whole messages that were read alone count, byte for byte. What is encrypted says nothing here.
"""

from __future__ import annotations

# What a client sends last. Postgres: Terminate ('X', then the length 4, its own four bytes
# included). Redis: QUIT, as an array or inline. A pool sends it on connections that it never used.
GOODBYES = frozenset({b"X\x00\x00\x00\x04", b"*1\r\n$4\r\nQUIT\r\n", b"QUIT\r\n"})
_LONGEST = max(map(len, GOODBYES))

# Postgres' ErrorResponse or NoticeResponse, whose field C holds the SQLSTATE: admin_shutdown,
# crash_shutdown, cannot_connect_now. The code is the same in every language of the server.
_ANSWERS = b"EN"
_ENDS = (b"\x00C57P01\x00", b"\x00C57P02\x00", b"\x00C57P03\x00")
_FIELDS_WITHIN = 256  # severity and code come first


def is_goodbye(data: bytes | memoryview) -> bool:
    """Whether a client's bytes are nothing but its goodbye."""
    return len(data) <= _LONGEST and bytes(data).upper() in GOODBYES


def is_dismissal(data: bytes | memoryview) -> bool:
    """Whether a server's bytes begin with its word that it ends the connection, or takes none."""
    if not data or data[0] not in _ANSWERS:
        return False
    start = bytes(data[:_FIELDS_WITHIN])
    return any(end in start for end in _ENDS)

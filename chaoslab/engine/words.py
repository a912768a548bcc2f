"""The few messages of the services' protocols that tell the end of a connection from its use.

A goodbye counts only where it was read alone, byte for byte. What is encrypted says nothing here.
"""

from __future__ import annotations

# What a client sends last. Postgres: Terminate ('X', then the length 4, its own four bytes
# included). Redis: QUIT, as an array or inline. A pool sends it on connections that it never used.
GOODBYES = frozenset({b"X\x00\x00\x00\x04", b"*1\r\n$4\r\nQUIT\r\n", b"QUIT\r\n"})
_LONGEST = max(map(len, GOODBYES))

# Fields V and C of Postgres' ErrorResponse or NoticeResponse, severity and SQLSTATE, the same in
# every language of the server: admin_shutdown, crash_shutdown, cannot_connect_now.
_ENDS = tuple(
    b"V" + severity + b"\x00C" + code + b"\x00"
    for severity in (b"FATAL", b"WARNING")
    for code in (b"57P01", b"57P02", b"57P03")
)
_TAIL = 1024  # it is the last message of a read; answers that were not sent before it stand there


def is_goodbye(data: bytes | memoryview) -> bool:
    """Whether a client's bytes are nothing but its goodbye."""
    return len(data) <= _LONGEST and bytes(data).upper() in GOODBYES


def is_dismissal(data: bytes | memoryview) -> bool:
    """Whether a server's bytes end with its message that it ends the connection, or takes none."""
    # Its last field and the message each end with a zero. Nearly all other answers do not, and are
    # not looked into: every read of every connection comes here.
    if len(data) < len(_ENDS[0]) or data[-1] or data[-2]:
        return False
    tail = bytes(data[-_TAIL:])
    return any(end in tail for end in _ENDS)

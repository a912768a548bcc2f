"""Recognises the messages by which a client or a server ends a connection in its protocol.

Each kind of service has its own messages, so the command that starts the engine gives them
(`--last-messages`). A goodbye is recognised only if it was read alone and is equal byte for byte.
In an encrypted connection no message is recognised.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

_TAIL_BYTES = 1024  # a dismissal is the last message of a read; other answers may precede it


@dataclass(slots=True)
class _Messages:
    goodbyes: frozenset[bytes] = frozenset()
    longest: int = -1
    dismissals: tuple[bytes, ...] = ()


# Of the whole process: set once, before any client connects.
_messages = _Messages()


def configure(text: str) -> None:
    """Set the messages, from a JSON object of two lists: `goodbyes` and `dismissals`.

    A goodbye is the message that a client sends last; a pool sends it on unused connections too. A
    dismissal is a part of the message by which a server says that it ends or refuses the
    connection. Both are hexadecimal. Raises ValueError for any other text.
    """
    try:
        given = json.loads(text)
        goodbyes = frozenset(bytes.fromhex(each).upper() for each in given["goodbyes"])
        dismissals = tuple(bytes.fromhex(each) for each in given["dismissals"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"expected lists of hexadecimal strings: {error!r}") from None
    _messages.goodbyes, _messages.longest = goodbyes, max(map(len, goodbyes), default=-1)
    _messages.dismissals = dismissals


def is_goodbye(data: bytes | memoryview) -> bool:
    """Whether `data`, sent by a client, is exactly a goodbye; letters are case-insensitive."""
    return len(data) <= _messages.longest and bytes(data).upper() in _messages.goodbyes


def is_dismissal(data: bytes | memoryview) -> bool:
    """Whether the last 1,024 bytes of `data`, sent by a server, have a part of its message that it
    ends or refuses the connection.
    """
    tail = bytes(data[-_TAIL_BYTES:])
    return any(part in tail for part in _messages.dismissals)

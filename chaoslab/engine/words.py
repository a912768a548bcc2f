"""The few messages of the services' protocols that tell the end of a connection from its use.

Whoever starts the engine names them (`--last-messages`), since each kind of service has its own.
A goodbye counts only where it was read alone, byte for byte. What is encrypted says nothing here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

_TAIL = 1024  # it is the last message of a read; answers that were not sent before it stand there


@dataclass(slots=True)
class _Known:
    goodbyes: frozenset[bytes] = frozenset()
    longest: int = -1
    dismissals: tuple[bytes, ...] = ()


# Of the whole process: learnt once, before it serves anybody.
_known = _Known()


def learn(text: str) -> None:
    """Take the last messages from a JSON object of two lists, `goodbyes` and `dismissals`.

    A goodbye is what a client sends last; a pool sends it on connections that it never used. A
    dismissal is a part of a server's message that it ends the connection, or takes none. Both are
    in hexadecimal. Raises ValueError for anything else.
    """
    try:
        given = json.loads(text)
        goodbyes = frozenset(bytes.fromhex(each).upper() for each in given["goodbyes"])
        dismissals = tuple(bytes.fromhex(each) for each in given["dismissals"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"expected lists of hexadecimal strings: {error!r}") from None
    _known.goodbyes, _known.longest = goodbyes, max(map(len, goodbyes), default=-1)
    _known.dismissals = dismissals


def is_goodbye(data: bytes | memoryview) -> bool:
    """Whether a client's bytes are nothing but its goodbye; letters are case-insensitive."""
    return len(data) <= _known.longest and bytes(data).upper() in _known.goodbyes


def is_dismissal(data: bytes | memoryview) -> bool:
    """Whether a server's bytes end with its message that it ends the connection, or takes none."""
    tail = bytes(data[-_TAIL:])
    return any(part in tail for part in _known.dismissals)

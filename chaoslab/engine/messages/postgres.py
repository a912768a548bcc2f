"""PostgreSQL's protocol, version 3: the statements that a client sends, and their completion.

The statement of an Execute is that of its portal, which a Bind made from a prepared statement.
Source: PostgreSQL, "Frontend/Backend Protocol" (Message Flow, Message Formats).
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

from chaoslab.engine.messages.base import (
    MOST_UNANSWERED,
    TLS,
    Frame,
    Message,
    Unreadable,
)
from chaoslab.engine.messages.sql import statements

MOST_NAMES = 1_000  # prepared statements, and portals, of one connection: the oldest is forgotten
_LONGEST_STARTUP = 10_000  # as in the server
_CANCEL, _SSL, _GSS = 80877102, 80877103, 80877104
_VERSION_3 = 3
_TLS_RECORD = 0x16
_CLIENT_TYPES = frozenset(b"BCDEFHPQSXcdfp")
_SERVER_TYPES = frozenset(b"123ACDEGHIKNRSTVWZcdnstv")
_OTHER = "its messages are not those of PostgreSQL"


@dataclass(slots=True)
class _Asked:
    """What a client waits for: the statements of a query, or of one Execute."""

    texts: deque[str]
    simple: bool  # a simple query: the server's ReadyForQuery ends it


# What a client waits for after a Sync: ReadyForQuery.
_SYNC = None


class PostgresDialogue:
    """The messages of one connection to PostgreSQL."""

    def __init__(self) -> None:
        self.started = False
        self.negotiating = 0  # requests for encryption that the server has not answered
        self.client: Frame = _ClientFrame(self)
        self.server: Frame = _ServerFrame(self)
        self._statements: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}
        self._waiting: deque[_Asked | None] = deque()

    # --- the client ---

    def asked(self, head: bytes) -> Message | None:
        if not self.started:
            self._start(head)
            return None
        if len(self._waiting) > MOST_UNANSWERED:
            raise Unreadable(f"more than {MOST_UNANSWERED} of its messages have no answer")
        kind, body = head[:1], head[5:]
        match kind:
            case b"Q":
                return self._query(_texts(body))
            case b"P":
                name, _, rest = body.partition(b"\0")
                _remember(self._statements, name, next(iter(_texts(rest)), ""))
            case b"B":
                portal, _, rest = body.partition(b"\0")
                statement = rest.partition(b"\0")[0]
                _remember(self._portals, portal, self._statements.get(statement, ""))
            case b"E":
                return self._execute(self._portals.get(body.partition(b"\0")[0], ""))
            case b"C":
                named = self._statements if body[:1] == b"S" else self._portals
                named.pop(body[1:].partition(b"\0")[0], None)
            case b"S" | b"F":
                self._waiting.append(_SYNC)
        return None

    def _start(self, head: bytes) -> None:
        (code,) = struct.unpack_from("!i", head, 4)
        if code in (_SSL, _GSS):
            self.negotiating += 1
        elif code >> 16 == _VERSION_3:
            self.started = True
            self._waiting.append(_SYNC)  # ReadyForQuery ends the log-in
        elif code != _CANCEL:
            raise Unreadable(_OTHER)

    def _query(self, texts: tuple[str, ...]) -> Message | None:
        self._waiting.append(_Asked(deque(texts), simple=True))
        return Message(texts) if texts else None

    def _execute(self, text: str) -> Message:
        self._waiting.append(_Asked(deque([text]), simple=False))
        return Message((text,))

    # --- the server ---

    def answered(self, head: bytes) -> Message | None:
        if self.negotiating:
            self._negotiated(head[:1])
            return None
        match head[:1]:
            case b"C":
                return self._completed(head[5:].partition(b"\0")[0])
            case b"I" | b"s":  # an empty query; a portal that has more rows
                self._next_text()
            case b"E":
                self._failed()
            case b"G" | b"W":
                self._forget_syncs()
            case b"Z":
                self._ready()
        return None

    def _negotiated(self, answer: bytes) -> None:
        self.negotiating -= 1
        if answer == b"S":
            raise Unreadable(TLS)
        if answer == b"G":
            raise Unreadable("it is encrypted (GSSAPI)")

    def _completed(self, tag: bytes) -> Message | None:
        text = self._next_text()
        if text is None:
            return None
        if tag.startswith(b"ROLLBACK"):
            text = "ROLLBACK"  # what the server made of a COMMIT in a failed transaction
        return Message((text,))

    def _next_text(self) -> str | None:
        """Remove and return the text of the statement that the server is at; None if there is
        none.
        """
        current = self._waiting[0] if self._waiting else _SYNC
        if current is _SYNC:
            return None
        text = current.texts.popleft() if current.texts else ""
        if not current.simple:
            self._waiting.popleft()
        return text

    def _failed(self) -> None:
        """The server refuses the current query, and what it waits for until the next Sync."""
        while self._waiting and (current := self._waiting[0]) is not _SYNC:
            current.texts.clear()
            if current.simple:
                return
            self._waiting.popleft()

    def _forget_syncs(self) -> None:
        """The server waits for COPY data; it ignores each Sync that the client has sent already."""
        if self._waiting and self._waiting[0] is not _SYNC:
            current = self._waiting.popleft()
            while self._waiting and self._waiting[0] is _SYNC:
                self._waiting.popleft()
            self._waiting.appendleft(current)

    def _ready(self) -> None:
        while self._waiting:
            current = self._waiting.popleft()
            if current is _SYNC or current.simple:
                return


def _texts(sql: bytes) -> tuple[str, ...]:
    return statements(sql.partition(b"\0")[0].decode("utf-8", "replace"))


def _remember(names: dict[bytes, str], name: bytes, text: str) -> None:
    names.pop(name, None)
    names[name] = text
    if len(names) > MOST_NAMES:
        del names[next(iter(names))]


class _Frame(ABC):
    """A frame whose header, which has the length, is read first."""

    def __init__(self, dialogue: PostgresDialogue) -> None:
        self._dialogue = dialogue
        self._header = bytearray()
        self._left: int | None = None  # bytes behind the header, None before it is complete

    @property
    def over(self) -> bool:
        return self._left == 0

    def restart(self) -> None:
        self._header.clear()
        self._left = None

    def take(self, data: bytes, at: int) -> int:
        if self._left is None:
            at = self._take_header(data, at)
        if self._left is None:
            return at
        size = min(self._left, len(data) - at)
        self._left -= size
        return at + size

    def _take_header(self, data: bytes, at: int) -> int:
        first = self._header[0] if self._header else data[at]
        size = self._header_size(first)
        end = at + size - len(self._header)
        self._header += data[at:end]
        if len(self._header) == size:
            self._left = self._length(bytes(self._header))
        return min(end, len(data))

    @abstractmethod
    def _header_size(self, first: int) -> int:
        """The size of the header that begins with the byte `first`."""

    @abstractmethod
    def _length(self, header: bytes) -> int:
        """The number of bytes behind the header. Raises Unreadable."""


class _ClientFrame(_Frame):
    def _header_size(self, first: int) -> int:
        del first
        return 5 if self._dialogue.started else 4

    def _length(self, header: bytes) -> int:
        if self._dialogue.started:
            return _left_of(header, _CLIENT_TYPES)
        if header[0] == _TLS_RECORD:
            raise Unreadable(TLS)
        (length,) = struct.unpack("!i", header)
        if not 8 <= length <= _LONGEST_STARTUP:
            raise Unreadable(_OTHER)
        return int(length) - 4


class _ServerFrame(_Frame):
    def _header_size(self, first: int) -> int:
        # a request for encryption is answered by one byte; a very old server answers an error.
        return 1 if self._dialogue.negotiating and first != ord("E") else 5

    def _length(self, header: bytes) -> int:
        if len(header) == 1:
            if header not in b"SNG":
                raise Unreadable(_OTHER)
            return 0
        return _left_of(header, _SERVER_TYPES)


def _left_of(header: bytes, types: frozenset[int]) -> int:
    """The number of bytes behind a header of a type and a length, which includes itself."""
    (length,) = struct.unpack_from("!i", header, 1)
    if header[0] not in types or length < 4:
        raise Unreadable(_OTHER)
    return int(length) - 4

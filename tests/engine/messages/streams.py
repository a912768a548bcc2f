"""Messages of both protocols as bytes, and what a dialogue reads of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaoslab.engine.messages.base import Message
from chaoslab.engine.messages.dialects import DIALECTS
from chaoslab.engine.messages.reader import Piece, Reader

# --- PostgreSQL ---

STARTUP = struct.pack("!ii", 41, 196608) + b"user\0chaoslab\0database\0shop\0\0" + b"\0\0\0\0"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSS_REQUEST = struct.pack("!ii", 8, 80877104)
CANCEL = struct.pack("!iiii", 16, 80877102, 1, 2)
SYNC = b"S\0\0\0\4"


def frame(kind: str, body: bytes = b"") -> bytes:
    """One message after the start-up, of either side."""
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def query(sql: str) -> bytes:
    return frame("Q", sql.encode() + b"\0")


def parse(name: str, sql: str) -> bytes:
    return frame("P", f"{name}\0{sql}\0".encode() + b"\0\0")


def bind(portal: str, statement: str) -> bytes:
    return frame("B", f"{portal}\0{statement}\0".encode() + b"\0\0\0\0\0\0")


def execute(portal: str = "") -> bytes:
    return frame("E", f"{portal}\0".encode() + b"\0\0\0\0")


def close(kind: str, name: str) -> bytes:
    return frame("C", f"{kind}{name}\0".encode())


def complete(tag: str) -> bytes:
    return frame("C", tag.encode() + b"\0")


READY = frame("Z", b"I")
ERROR = frame("E", b"SERROR\0C42601\0\0")
LOGGED_IN = frame("R", b"\0\0\0\0") + frame("S", b"a\0b\0") + frame("K", b"\0" * 8) + READY

# --- Redis ---


def command(*words: str) -> bytes:
    """A command as an array."""
    return b"*%d\r\n" % len(words) + b"".join(bulk(word) for word in words)


def bulk(text: str) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text.encode()), text.encode())


# --- what is read ---


@dataclass
class Talk:
    """One connection that is read; both sides may send in any order and in any parts."""

    dialect: str
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dialogue = DIALECTS[self.dialect]()
        note = self.notes.append
        self.up = Reader(self.dialogue.client, self.dialogue.asked, note)
        self.down = Reader(self.dialogue.server, self.dialogue.answered, note)

    def asks(self, *parts: bytes) -> list[str]:
        """What the client asks for in these reads, a text for each message."""
        return texts([piece for part in parts for piece in self.up.read(part)])

    def answers(self, *parts: bytes) -> list[str]:
        """What the server completes in these reads."""
        return texts([piece for part in parts for piece in self.down.read(part)])


def texts(pieces: Sequence[Piece]) -> list[str]:
    """The texts of the messages, those of one message divided by ` | `."""
    return [" | ".join(message.texts) for message in messages(pieces)]


def messages(pieces: Sequence[Piece]) -> list[Message]:
    return [piece.message for piece in pieces if piece.message is not None]


def postgres() -> Talk:
    """A connection to Postgres that is logged in, without encryption."""
    talk = Talk("postgres")
    assert talk.asks(SSL_REQUEST) == talk.answers(b"N") == []
    assert talk.asks(STARTUP) == talk.answers(LOGGED_IN) == []
    return talk

"""Divides the bytes of one direction where messages begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from chaoslab.engine.messages.base import HEAD_BYTES, Frame, Message, Unreadable


class Piece(NamedTuple):
    """Bytes of one direction. If `message` is not None, it begins with their first byte.

    Only messages that ask for something, or complete something, have a piece of their own. The
    frames between them are at the end of the piece before.
    """

    data: bytes
    message: Message | None = None


class Reader:
    """Reads one direction of a connection from its first byte.

    `frame` and `classify` are those of the direction, of a `Dialogue`. `unread` is why the
    connection cannot be read any more, empty if it can. All later bytes are then one piece.
    """

    __slots__ = ("_classified", "_classify", "_frame", "_head", "_note", "unread")

    def __init__(
        self,
        frame: Frame,
        classify: Callable[[bytes], Message | None],
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._frame, self._classify, self._note = frame, classify, note
        self._head = bytearray()
        self._classified = False
        self.unread = ""

    @property
    def held(self) -> int:
        """The number of bytes that are kept back: the beginning of a message."""
        return len(self._head)

    def read(self, data: bytes) -> list[Piece]:
        """The pieces that are complete now. Together with `held` bytes they are all bytes read."""
        pieces = _Pieces()
        at = 0
        try:
            while at < len(data) and not self.unread:
                end = self._frame.take(data, at)
                part, at = data[at:end], end
                self._accept(part, pieces)
        except Unreadable as why:
            self.give_up(str(why))
        if self.unread:
            pieces.add(self.rest())
            pieces.add(data[at:])
        return pieces.joined()

    def _accept(self, part: bytes, pieces: _Pieces) -> None:
        over = self._frame.over
        if self._classified:
            pieces.add(part)
        else:
            self._head += part
            if over or len(self._head) >= HEAD_BYTES:
                head = bytes(self._head)
                message = self._classify(head)  # if it raises, the head is still held
                self._head.clear()
                self._classified = True
                pieces.add(head, message)
        if over:
            self._frame.restart()
            self._classified = False

    def rest(self) -> bytes:
        """Remove and return the bytes that are kept back, because no others follow."""
        rest = bytes(self._head)
        self._head.clear()
        return rest

    def give_up(self, why: str) -> None:
        """Do not read the connection any more."""
        if not self.unread:
            self.unread = why
            self._note(why)


class _Pieces:
    """Pieces in the making: each has parts, so that no byte is copied twice."""

    def __init__(self) -> None:
        self._made: list[tuple[list[bytes], Message | None]] = []

    def add(self, part: bytes, message: Message | None = None) -> None:
        if self._made and message is None:
            self._made[-1][0].append(part)
        else:
            self._made.append(([part], message))

    def joined(self) -> list[Piece]:
        whole = (Piece(b"".join(parts), message) for parts, message in self._made)
        return [piece for piece in whole if piece.data]

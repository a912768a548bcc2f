"""Redis' protocol, RESP2 and RESP3: the commands that a client sends, and their replies.

Source: Redis, "Redis serialization protocol specification", "Pub/Sub", "Transactions".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from chaoslab.engine.messages.base import (
    MOST_UNANSWERED,
    TEXT_CHARACTERS,
    TLS,
    Frame,
    Message,
    Unreadable,
)

_LINE_BYTES = 32  # of a line with a length; it is never longer
_LONGEST_BULK = 1 << 31
_MOST_VALUES = 1 << 31
_TLS_RECORD = b"\x16"
_OTHER = "its messages are not those of Redis"
_SETS_UP = frozenset(
    (
        *("AUTH", "HELLO", "CLIENT", "SELECT", "PING", "QUIT", "RESET"),
        *("READONLY", "READWRITE", "ASKING", "COMMAND", "INFO"),
    )
)
# After them the server sends what no command asked for, or not one reply for each command.
_NO_REPLIES = frozenset(("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC"))
_NULLS = (b"$-1", b"*-1", b"_")
_ERRORS = (b"-", b"!")


class RedisDialogue:
    """The messages of one connection to Redis."""

    def __init__(self) -> None:
        self.client: Frame = _ClientFrame()
        self.server: Frame = _ServerFrame()
        # The commands without a reply; None if replies cannot be assigned to commands any more.
        self._waiting: deque[str] | None = deque()

    def asked(self, head: bytes) -> Message | None:
        words = _words(head)
        if not words:
            return None  # an empty line or an empty array, which has no reply
        name = words[0].upper()
        text = " ".join([name, *words[1:]])[:TEXT_CHARACTERS]
        if name in _NO_REPLIES or (name == "CLIENT" and words[1:2] and words[1].upper() == "REPLY"):
            self._waiting = None
        elif self._waiting is not None:
            if len(self._waiting) >= MOST_UNANSWERED:
                raise Unreadable(f"more than {MOST_UNANSWERED} of its commands have no reply")
            self._waiting.append(text)
        return Message((text,), sets_up=name in _SETS_UP)

    def answered(self, head: bytes) -> Message | None:
        if head.startswith(b">") or not self._waiting:
            return None  # a push; or a reply that cannot be assigned
        text = self._waiting.popleft()
        # The server did nothing, or nothing yet: the commands between MULTI and EXEC are queued.
        if head.startswith((*_ERRORS, *_NULLS)) or head == b"+QUEUED\r\n":
            return None
        return Message((text,), sets_up=text.partition(" ")[0] in _SETS_UP)


def _words(head: bytes) -> list[str]:
    """The words of a command, as far as its first bytes have them."""
    if not head.startswith(b"*"):
        return head.decode("utf-8", "replace").split()
    words: list[str] = []
    at = head.find(b"\n") + 1
    while 0 < at < len(head) and len(words) < TEXT_CHARACTERS:
        end = head.find(b"\n", at)
        if end < 0:
            break
        size = int(head[at + 1 : end])  # the frame has read it
        words.append(head[end + 1 : end + 1 + size].decode("utf-8", "replace"))
        at = end + 1 + size + 2
    return words


class _Frame(ABC):
    """A value with all values in it. Only the lengths of values are read, not the values.

    `_left` is the number of values that are not complete, `_skip` that of the bytes of a string.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._left, self._skip = 1, 0

    @property
    def over(self) -> bool:
        return self._left == 0

    def restart(self) -> None:
        self._left = 1

    def take(self, data: bytes, at: int) -> int:
        while at < len(data) and self._left:
            at = self._take_string(data, at) if self._skip else self._take_line(data, at)
        return at

    def _take_string(self, data: bytes, at: int) -> int:
        size = min(self._skip, len(data) - at)
        self._skip -= size
        if not self._skip:
            self._left -= 1
        return at + size

    def _take_line(self, data: bytes, at: int) -> int:
        if not self._line:
            self._check(data[at : at + 1])
        found = data.find(b"\n", at)
        end = found + 1 if found >= 0 else len(data)
        self._line += data[at : min(end, at + _LINE_BYTES - len(self._line))]
        if found >= 0:
            # of a longer line only the beginning is known, without its end
            line = bytes(self._line)
            self._line.clear()
            self._value(line)
        return end

    def _string(self, line: bytes) -> None:
        size = _number(line, _LONGEST_BULK)
        if size < 0:
            self._left -= 1  # null
        else:
            self._skip = size + 2

    @abstractmethod
    def _check(self, first: bytes) -> None:
        """Raise Unreadable if no value begins with that byte."""

    @abstractmethod
    def _value(self, line: bytes) -> None:
        """Count what the first line of a value says. Raises Unreadable."""


class _ClientFrame(_Frame):
    """A command: an array of strings, or one line."""

    def __init__(self) -> None:
        super().__init__()
        self._within = False  # the array

    def restart(self) -> None:
        super().restart()
        self._within = False

    def _check(self, first: bytes) -> None:
        if first == _TLS_RECORD:
            raise Unreadable(TLS)
        if (self._within and first != b"$") or not (first.isspace() or b" " < first < b"\x7f"):
            raise Unreadable(_OTHER)

    def _value(self, line: bytes) -> None:
        if self._within:
            if _number(line, _LONGEST_BULK) < 0:
                raise Unreadable(_OTHER)
            self._string(line)
        elif line.startswith(b"*"):
            self._left = max(0, _number(line, _MOST_VALUES))
            self._within = True
        else:
            self._left = 0


class _ServerFrame(_Frame):
    """A reply or a push."""

    def _check(self, first: bytes) -> None:
        if first not in b"+-:,#(_$=!*~>%|":
            raise Unreadable(_OTHER)

    def _value(self, line: bytes) -> None:
        match line[:1]:
            case b"$" | b"=" | b"!":
                self._string(line)
            case b"*" | b"~" | b">":
                self._left += max(0, _number(line, _MOST_VALUES)) - 1
            case b"%":
                self._left += 2 * max(0, _number(line, _MOST_VALUES)) - 1
            case b"|":  # attributes: what they are about follows
                self._left += 2 * max(0, _number(line, _MOST_VALUES))
            case _:
                self._left -= 1


def _number(line: bytes, most: int) -> int:
    """The length in the first line of a value. Raises Unreadable if there is none."""
    digits = line[1:].rstrip(b"\r\n")
    if not line.endswith(b"\n") or not digits.removeprefix(b"-").isdigit():
        raise Unreadable(_OTHER)
    number = int(digits)
    if not -1 <= number <= most:
        raise Unreadable(_OTHER)
    return number

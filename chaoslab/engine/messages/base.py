"""What the dialects have in common: a message, a frame, and a dialogue of client and server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

HEAD_BYTES = 4096  # of a message, and of an answer: what is after them is never looked at
TEXT_CHARACTERS = 512  # that are kept of what a message asks for
MOST_UNANSWERED = 20_000  # messages of one connection
TLS = "it is encrypted (TLS)"


class Unreadable(Exception):
    """The connection cannot be read any more; the message of this error is the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A message of the client, or the server's answer that a message is completed.

    `texts` are the statements or commands, at most `TEXT_CHARACTERS` of each; an answer has the one
    that it completes. `sets_up`: it only prepares or checks the connection.
    """

    texts: tuple[str, ...]
    sets_up: bool = False


class Frame(Protocol):
    """Finds the end of each frame of one direction. A frame is one message of the protocol."""

    @property
    def over(self) -> bool:
        """Whether the frame is complete."""
        ...

    def take(self, data: bytes, at: int) -> int:
        """The place in `data` up to which its bytes from place `at` on belong to the frame, at
        least one byte. Raises Unreadable if they are not of the protocol.
        """
        ...

    def restart(self) -> None:
        """Begin with the next frame."""
        ...


class Dialogue(Protocol):
    """The messages of one connection, which both sides are read for."""

    client: Frame
    server: Frame

    def asked(self, head: bytes) -> Message | None:
        """The message of the client whose frame begins with `head`; None if it asks for nothing.

        `head` is the complete frame, or at least its first `HEAD_BYTES`. Raises Unreadable.
        """
        ...

    def answered(self, head: bytes) -> Message | None:
        """The message that the frame of the server completes; None if it completes none, or if the
        server refused it. Raises Unreadable.
        """
        ...

"""A connection that a heal has left dead: both sockets stay open, and nothing passes on them.

No byte is read or sent, so the kernel keeps what the peers send until their buffers are full. An
end of a peer is noted and not passed on.
"""

from __future__ import annotations

import functools
import socket
from typing import Protocol

from chaoslab.clock import now_s
from chaoslab.engine.chunks import Direction, End
from chaoslab.engine.connection_log import Record
from chaoslab.engine.poller import PEER_ENDED, TROUBLE, Poller


class Owner(Protocol):
    """The attributes and methods of a proxy that its dead connections use."""

    poller: Poller

    def forget_dead(self, number: int, record: Record, end: str) -> None:
        """Remove a dead connection whose sockets are closed; `end` is how it ended."""
        ...


class DeadConnection:
    """The two sockets of a dead connection, by the direction that each is the source of.

    They are closed when both peers have ended, or by `close`.
    """

    __slots__ = ("_number", "_open", "_owner", "_record", "_sockets")

    def __init__(
        self, owner: Owner, number: int, record: Record, sockets: dict[Direction, socket.socket]
    ) -> None:
        self._owner = owner
        self._number = number
        self._record = record
        self._sockets = sockets
        self._open = set(sockets)  # the directions whose source has not ended
        for direction, sock in sockets.items():
            handler = functools.partial(self._peer_ended, direction)
            owner.poller.watch(sock.fileno(), PEER_ENDED, handler)

    def _peer_ended(self, direction: Direction, events: int) -> None:
        self._owner.poller.forget(self._sockets[direction].fileno())
        self._open.discard(direction)
        how = End.RESET if events & TROUBLE else End.EOF
        self._record.note_end(direction, how, now_s())
        if not self._open:
            self.close(self._record.ending or "closed")

    def close(self, end: str) -> None:
        """Close both sockets; `end` is how the connection ended, for the log."""
        for direction, sock in self._sockets.items():
            if direction in self._open:
                self._owner.poller.forget(sock.fileno())
            sock.close()
        self._owner.forget_dead(self._number, self._record, end)

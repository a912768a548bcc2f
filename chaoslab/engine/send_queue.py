"""Writes to one socket: sends at once if nothing waits, else queues in order."""

from __future__ import annotations

import socket
from collections import deque


class SendQueue:
    """Writes to a non-blocking socket; `waiting` and `delivered` count bytes.

    After `give_up` everything is discarded.
    """

    __slots__ = ("_queue", "_sock", "delivered", "gone", "waiting")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._queue: deque[bytes] = deque()
        self.waiting = 0
        self.delivered = 0
        self.gone = False

    def send(self, data: bytes | memoryview) -> None:
        """Send what the socket takes now, queue the rest; raises OSError if the peer is gone."""
        if self.gone:
            return
        if not self._queue:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            self.delivered += sent
            if sent == len(data):
                return
            data = data[sent:]
        self.keep(bytes(data))

    def keep(self, data: bytes) -> None:
        """Queue bytes behind the others."""
        self._queue.append(data)
        self.waiting += len(data)

    def flush(self) -> None:
        """Send as much of the queue as the socket takes now; OSError if the peer is gone."""
        try:
            while self._queue:
                data = self._queue[0]
                sent = self._sock.send(data)
                self.delivered += sent
                self.waiting -= sent
                if sent < len(data):
                    self._queue[0] = data[sent:]
                    return
                self._queue.popleft()
        except (BlockingIOError, InterruptedError):
            return

    def take_back(self) -> list[bytes]:
        """Remove and return everything that waits, in order."""
        taken = list(self._queue)
        self._queue.clear()
        self.waiting = 0
        return taken

    def give_up(self) -> None:
        """Discard everything from now on: the peer is gone."""
        self.gone = True
        self.take_back()

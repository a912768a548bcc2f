"""Writes to one socket: sends at once if the queue is empty, else queues."""

from __future__ import annotations

import socket
from collections import deque


class SendQueue:
    """Writes to a non-blocking socket; `waiting` and `delivered` count bytes.

    After `give_up` all bytes are discarded.
    """

    __slots__ = ("_queue", "_sock", "delivered", "gone", "waiting")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._queue: deque[bytes] = deque()
        self.waiting = 0
        self.delivered = 0
        self.gone = False

    def send(self, data: bytes | memoryview) -> None:
        """Send what the socket takes now, queue the rest. Raises OSError if the peer has reset."""
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
        """Append bytes to the queue; nothing is sent now."""
        self._queue.append(data)
        self.waiting += len(data)

    def flush(self) -> None:
        """Send what the socket takes of the queue now. Raises OSError if the peer has reset."""
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
        """Remove and return the queued bytes, in order."""
        taken = list(self._queue)
        self._queue.clear()
        self.waiting = 0
        return taken

    def give_up(self) -> None:
        """Discard the queue and all later bytes: the peer has reset the connection."""
        self.gone = True
        self.take_back()

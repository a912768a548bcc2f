"""The TCP socket to one peer of a connection, and the events that the engine waits for on it."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Protocol

from chaoslab.engine.poller import READ, TROUBLE, WRITE, Poller

_LINGER_0 = struct.pack("ii", 1, 0)
# If a socket is closed with unread bytes, the kernel sends a reset. So it is drained first, with up
# to this many reads.
_DRAIN_READS = 16


class Reader(Protocol):
    """The stream that reads from a socket."""

    wants_read: bool

    def fill(self, _events: int) -> None:
        """Read from the socket. The poller calls this whenever the socket is readable or has an
        error.
        """
        ...


class Writer(Protocol):
    """The stream that writes to a socket."""

    wants_write: bool

    def flush(self) -> None:
        """Send waiting bytes. Called whenever the socket is writable again or has an error."""
        ...


class PeerSocket:
    """A non-blocking socket, the stream that reads from it and the stream that writes to it."""

    __slots__ = ("_mask", "_poller", "incoming", "outgoing", "sock")

    incoming: Writer
    outgoing: Reader

    def __init__(self, sock: socket.socket, poller: Poller) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # the peer may have reset it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self._poller = poller
        self._mask = 0

    def update(self) -> None:
        """Make the poller watch exactly the events of this socket that its two streams want now."""
        mask = (READ if self.outgoing.wants_read else 0) | (
            WRITE if self.incoming.wants_write else 0
        )
        if mask == self._mask:
            return
        fd = self.sock.fileno()
        # Fast path: if only reads are wanted, every event is for one stream.
        handler = self.outgoing.fill if mask == READ else self._ready
        # With an empty mask epoll would report an error again and again: stop watching instead.
        if mask == 0:
            self._poller.forget(fd)
        elif self._mask == 0:
            self._poller.watch(fd, mask, handler)
        else:
            self._poller.change(fd, mask, handler)
        self._mask = mask

    def _ready(self, events: int) -> None:
        if events & (READ | TROUBLE) and self._mask & READ:
            self.outgoing.fill(events)
        if events & (WRITE | TROUBLE) and self._mask & WRITE:
            self.incoming.flush()

    def finish(self) -> None:
        """Send a FIN; the other direction stays open."""
        with contextlib.suppress(OSError):  # the peer may have reset it
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket with a FIN.

        A few unread bytes are read first, so that they cause no reset.
        """
        self._forget()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            for _ in range(_DRAIN_READS):
                if not self.sock.recv(65536):
                    break
        self.sock.close()

    def reset(self) -> None:
        """Close the socket with an RST (SO_LINGER 0)."""
        self._forget()
        reset(self.sock)

    def release(self) -> socket.socket:
        """Stop watching the socket, and return it. It stays open."""
        self._forget()
        return self.sock

    def _forget(self) -> None:
        if self._mask:
            self._poller.forget(self.sock.fileno())
            self._mask = 0
        # Sockets and streams refer to each other. Without the cycle both are freed at once.
        del self.outgoing, self.incoming


def reset(sock: socket.socket) -> None:
    """Close a socket with an RST."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
    sock.close()

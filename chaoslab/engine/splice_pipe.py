"""Moves bulk data from socket to socket by `splice`, in the kernel and without a copy."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from typing import ClassVar

FULL_READ = 256 * 1024
PIPE_SIZE = 1024 * 1024
# After FULL_READS full reads in a row a stream gets a pipe, after SMALL_READS small ones it
# returns it.
FULL_READS = 2
SMALL_READ = 16 * 1024
SMALL_READS = 8
SPARE_PIPES = 16

# Some sandboxes have the system call but refuse it for sockets.
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_FLAGS = getattr(os, "SPLICE_F_MOVE", 1) | getattr(os, "SPLICE_F_NONBLOCK", 2)


class SplicePipe:
    """A pipe between two sockets; `size` bytes are in it."""

    __slots__ = ("_reader", "_small_reads", "_writer", "size")

    _spare: ClassVar[list[tuple[int, int]]] = []
    _works: ClassVar[bool] = hasattr(os, "splice")

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._small_reads = 0
        self.size = 0

    @classmethod
    def start(cls, full_reads: int) -> SplicePipe | None:
        """A pipe for a stream with `full_reads` full reads in a row.

        None if these are too few, if `splice` is unsupported, or without free descriptors.
        """
        if full_reads < FULL_READS or not cls._works:
            return None
        if cls._spare:
            return cls(*cls._spare.pop())
        try:
            reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # out of descriptors: the stream goes on with its buffer
            return None
        with contextlib.suppress(OSError):  # above the user's quota the pipe stays smaller
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        return cls(reader, writer)

    @classmethod
    def unsupported_by_kernel(cls, error: OSError) -> bool:
        """Whether the error means that this kernel cannot splice sockets.

        If so, `start` returns None from now on.
        """
        if error.errno in _CANNOT:
            cls._works = False
            return True
        return False

    @property
    def idle(self) -> bool:
        """Whether the last 8 reads were all small, so that the stream needs no pipe."""
        return self._small_reads >= SMALL_READS

    def fill(self, source: socket.socket) -> int:
        """Move bytes from the source into the pipe; returns their number, which is 0 at the
        source's end.

        Raises BlockingIOError if the source has no data.
        """
        size = os.splice(source.fileno(), self._writer, PIPE_SIZE, flags=_FLAGS)
        self.size += size
        self._small_reads = self._small_reads + 1 if size < SMALL_READ else 0
        return size

    def drain(self, sink: socket.socket) -> int:
        """Move bytes from the pipe into the sink, as many as it takes. Returns their number."""
        before = self.size
        with contextlib.suppress(BlockingIOError, InterruptedError):
            while self.size:
                self.size -= os.splice(self._reader, sink.fileno(), self.size, flags=_FLAGS)
        return before - self.size

    def stop(self) -> bytes:
        """Return the pipe to the spare ones. Returns the bytes that were in it."""
        rest = b""
        while len(rest) < self.size:
            rest += os.read(self._reader, self.size - len(rest))
        self.size = 0
        if len(self._spare) < SPARE_PIPES:
            self._spare.append((self._reader, self._writer))
        else:
            os.close(self._reader)
            os.close(self._writer)
        return rest

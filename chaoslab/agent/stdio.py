"""The agent's stdin and stdout, read and written in lines without blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import AsyncIterator, Callable

from chaoslab.agent import protocol
from chaoslab.agent.protocol import Json

_LONGEST_LINE = 1 << 20


async def lines_in() -> AsyncIterator[bytes]:
    """Yield every line of stdin until stdin ends. For a line that is too long an empty line is
    yielded.
    """
    pipe = os.fdopen(os.dup(0), "rb", buffering=0)
    if not _is_pollable(pipe.fileno()):
        for line in pipe:
            yield line
        return
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            line = b"\n"
        if not line:
            return
        yield line


def _is_pollable(descriptor: int) -> bool:
    """Whether epoll can wait for the descriptor. It cannot wait for files and /dev/null (a
    container without stdin), which never block a read.
    """
    with select.epoll() as waiting:
        try:
            waiting.register(descriptor, select.EPOLLIN)
        except PermissionError:
            return False
    return True


class Stdout(asyncio.BaseProtocol):
    """The agent's stdout, for complete lines of the protocol; `send` waits while the reader is
    slow.
    """

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._room = asyncio.Event()
        self._room.set()

    @classmethod
    async def opened(cls, gone: Callable[[], None]) -> Stdout:
        """Reserve stdout for the protocol, and return it: from now on other output goes to stderr.

        `gone` is called when the reader has closed stdout.
        """
        pipe = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        loop = asyncio.get_running_loop()
        _, out = await loop.connect_write_pipe(lambda: cls(gone), pipe)
        return out

    async def send(self, message: Json) -> None:
        """Write one message to stdout as a line."""
        await self._room.wait()
        self._transport.write(protocol.line(message))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The event loop calls this with the open pipe, which is kept for `send`."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """The event loop calls this when stdout is closed.

        It ends waiting calls of `send`, and calls `gone`.
        """
        self._room.set()
        self._gone()

    def pause_writing(self) -> None:
        """The event loop calls this when its buffer is full. From now on `send` waits."""
        self._room.clear()

    def resume_writing(self) -> None:
        """The event loop calls this when its buffer has room again. `send` no longer waits."""
        self._room.set()

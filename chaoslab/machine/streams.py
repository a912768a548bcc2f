"""Connections to endpoints, also to those in another network namespace."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST

_MOST_BYTES = 1 << 16
_NO_LINGER = struct.pack("ii", 1, 0)  # so that a close sends a reset


async def open_stream(there: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to `there`, in its network namespace. Raises OSError."""
    if there.new_socket is socket.socket:
        return await asyncio.open_connection(there.host, there.port)
    sock = there.new_socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (there.host, there.port))
        return await asyncio.open_connection(sock=sock)
    except BaseException:
        sock.close()
        raise


class Forwarder:
    """Listens on the machine's loopback, and forwards each connection to an endpoint elsewhere.

    `target` returns the endpoint when a client connects. If the endpoint cannot be reached, the
    client's connection is reset. The constructor may be called in any thread; `loop` forwards.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Callable[[], Endpoint]) -> None:
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening = socket.create_server((HOST, 0))
        self._listening.setblocking(False)
        self.endpoint = Endpoint(host=HOST, port=self._listening.getsockname()[1])
        loop.call_soon_threadsafe(self._begin)

    async def close(self) -> None:
        """Stop listening, and reset every connection."""
        while self._tasks:  # a client that connected just now adds one more
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listening.close()

    def _begin(self) -> None:
        if self._listening.fileno() >= 0:
            self._add(self._serve())

    def _add(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            lambda reader, writer: self._add(self._forward(reader, writer)), sock=self._listening
        )
        try:
            await asyncio.get_running_loop().create_future()  # until it is cancelled
        finally:
            server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection. If the endpoint refuses it, or one side resets it, or `close`
        ends it, each side sees a reset.
        """
        writers = [writer]
        try:
            there, to_there = await open_stream(self._target())
            writers.append(to_there)
            await asyncio.gather(_copy(reader, to_there), _copy(there, writer))
            for each in writers:
                each.close()
                await each.wait_closed()
        except OSError:
            pass
        finally:
            for each in writers:
                _reset(each)


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy bytes until `source` ends, then end the sink's stream, but not its other direction."""
    while data := await source.read(_MOST_BYTES):
        sink.write(data)
        await sink.drain()
    sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset, unless it is closed."""
    with suppress(OSError):  # it is closed
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()

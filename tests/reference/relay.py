"""A path to a server that can be cut and healed; it runs in its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any, Literal, Self

Mode = Literal["whole", "refused", "silent"]


class Relay:
    """Forwards one loopback port to another.

    `refused`: nothing listens, and open connections are reset. `silent`: connects succeed, and
    all bytes are held until the heal. `opened` counts connections since the last `cut`.

    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing: asyncio.Event = asyncio.Event()
        self.delay_s = 0.0  # added to every chunk that the server sends
        self.opened = 0
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._heal())
        return self

    def __exit__(self, *_exc: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def cut(self, mode: Mode) -> None:
        """Set the mode of the path; in force when this returns."""
        self.opened = 0
        self._do(self._cut(mode))

    def heal(self) -> None:
        """Heal the path; held bytes are delivered."""
        self._do(self._heal())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    async def _listen(self) -> None:
        # SO_REUSEADDR, as create_server sets it: the port is taken again after a refusal.
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self, mode: Mode) -> None:
        if mode == "silent":
            self._flowing.clear()
            await self._accept()
        elif mode == "refused":
            await self._close()

    async def _heal(self) -> None:
        await self._accept()
        self._flowing.set()

    async def _accept(self) -> None:
        if self._server is None:
            await self._listen()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._flowing.wait()
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(up_writer)
            await asyncio.gather(
                self._pump(reader, up_writer, 0.0), self._pump(up_reader, writer, 1.0)
            )
        self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delayed: float
    ) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                if delayed and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

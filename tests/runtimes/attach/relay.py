"""Another address for a port of this machine, as a forwarder gives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

ELSEWHERE = "127.0.0.2"  # a loopback address at which no proxy of these tests listens


@asynccontextmanager
async def relayed(port: int, *, same: bool = False) -> AsyncIterator[str]:
    """`host:port` at which 127.0.0.1:`port` is reached as well; by the `same` port, where asked.

    It accepts whether or not anybody listens behind it, and hangs up where nobody does.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            tasks.add(asyncio.create_task(_carry(source, sink)))

    server = await asyncio.start_server(serve, ELSEWHERE, port if same else 0)
    try:
        yield f"{ELSEWHERE}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
    finally:
        sink.close()

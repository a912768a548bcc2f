"""Keep-alive connections: which are used again, and which are closed instead."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaoslab.machine.endpoint import Endpoint
from chaoslab.probes import connection_pool
from chaoslab.probes.connection_pool import ConnectionPool
from chaoslab.probes.request import JSON, Connection, Message

POST = Message(path="/", method="POST", headers=(JSON,), body=b"{}")
ANSWER = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def lines(answer: bytes, *, closes: bool = False) -> AsyncIterator[ConnectionPool]:
    """A pool of connections to a server with that answer; it may close after the first one."""

    talks: list[asyncio.Task[None] | None] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        while await reader.read(1 << 16):
            writer.write(answer)
            if closes:
                break
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        kept = ConnectionPool(Endpoint(host="127.0.0.1", port=port))
        try:
            yield kept
        finally:
            kept.close()
            await asyncio.gather(*filter(None, talks))


async def asked(kept: ConnectionPool) -> bool:
    """Ask once; whether a connection waited for it."""
    line = kept.take()
    reply = await kept.ask(line, POST)
    assert (reply.status_code, reply.body[:2]) == (201, b"ok")
    return line is not None


async def test_a_connection_that_the_server_keeps_is_used_again() -> None:
    """As often as it is asked for."""
    async with lines(ANSWER) as kept:
        assert [await asked(kept) for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
        ANSWER.replace(b"1.1", b"1.0"),
        ANSWER + b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nno",
    ],
    ids=["it says close", "HTTP/1.0", "more than was asked for"],
)
async def test_a_connection_that_cannot_carry_a_next_request_is_given_up(answer: bytes) -> None:
    """The next answer would be none, or that of another request."""
    async with lines(answer) as kept:
        assert [await asked(kept) for _ in range(2)] == [False, False]


async def test_a_connection_that_the_server_has_closed_is_given_up() -> None:
    """A request on it would get no answer, and no app would be to blame."""
    async with lines(ANSWER, closes=True) as kept:
        line = await Connection.opened(kept.there)
        await line.exchange(POST)
        for _ in range(500):  # until the server's close is heard
            if not line.is_reusable():
                break
            await asyncio.sleep(0.01)
        assert not line.is_reusable()
        line.close()


UNASKED = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("how", ["says that it gives it up", "closes", "resets"])
async def test_input_on_an_idle_connection_makes_it_unusable(how: str) -> None:
    """Neither its word for an idle client, nor its end, is what came of the next request: not even
    where the lab's loop has not looked since.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        line = await Connection.opened(Endpoint(host="127.0.0.1", port=port))
        server, _ = listener.accept()
        with server:
            asking = asyncio.create_task(line.exchange(POST))
            await asyncio.get_running_loop().run_in_executor(None, server.recv, 1 << 16)
            server.sendall(ANSWER)
            await asking
            assert line.is_reusable()
            if how.startswith("says"):
                server.sendall(UNASKED)
            elif how == "resets":
                server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert not line.is_reusable()
        for _ in range(5):
            await asyncio.sleep(0.01)
            assert not line.is_reusable()
        line.close()


async def test_a_connection_without_use_is_given_up_before_servers_do_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be closed at any time then."""
    monkeypatch.setattr(connection_pool, "IDLE_S", 0.0)
    async with lines(ANSWER) as kept:
        assert [await asked(kept) for _ in range(2)] == [False, False]

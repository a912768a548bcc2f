"""Connections to endpoints, and a forwarder to an endpoint that clients cannot reach themselves."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.streams import Forwarder, open_stream
from chaoslab.network import NotHanded

HOST = "127.0.0.1"
PATIENCE_S = 30.0
MANY = 50
Serves = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def made_inside(*kind: int) -> socket.socket:
    """A socket as another namespace hands it out: here it is one of this namespace."""
    return socket.socket(*kind)


@asynccontextmanager
async def forwarded(serve: Serves) -> AsyncIterator[Forwarder]:
    """A forwarder to a server that calls `serve` for each connection."""
    server = await asyncio.start_server(serve, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    target = Endpoint(host=HOST, port=port, new_socket=made_inside)
    forwarder = Forwarder(asyncio.get_running_loop(), lambda: target)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield forwarder
    finally:
        await forwarder.close()
        server.close()


async def answer_once_asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read until the client ends its stream, then send back what it sent."""
    asked = await reader.read()
    writer.write(b"you sent " + asked)
    writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send each piece back."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection after the first bytes, which are left unread."""
    await reader.read(1)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()


def refusing() -> Endpoint:
    """An address at which nothing listens."""
    with socket.create_server((HOST, 0)) as taken:
        return Endpoint(host=HOST, port=taken.getsockname()[1], new_socket=made_inside)


async def test_bytes_go_both_ways_unchanged() -> None:
    """More of them than any buffer on the way holds."""
    sent = bytes(range(256)) * (1 << 15)
    async with forwarded(echo) as forwarder:
        reader, writer = await open_stream(forwarder.endpoint)

        async def send() -> None:
            writer.write(sent)
            await writer.drain()
            writer.write_eof()

        _, came = await asyncio.gather(send(), reader.read())
        writer.close()
    assert came == sent


async def test_a_client_that_has_ended_its_stream_still_gets_the_answer() -> None:
    """The end of one direction is passed on, and the other one stays open."""
    async with forwarded(answer_once_asked) as forwarder:
        reader, writer = await open_stream(forwarder.endpoint)
        writer.write(b"this")
        writer.write_eof()
        assert await reader.read() == b"you sent this"
        writer.close()


async def test_many_connections_at_once_keep_their_bytes_apart() -> None:
    """A probe and a step may each use several."""

    async def asked(number: int) -> bytes:
        reader, writer = await open_stream(forwarder.endpoint)
        writer.write(str(number).encode())
        writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()

    async with forwarded(answer_once_asked) as forwarder:
        answers = await asyncio.gather(*map(asked, range(MANY)))
    assert answers == [f"you sent {number}".encode() for number in range(MANY)]


async def test_a_client_of_an_endpoint_that_refuses_is_reset() -> None:
    """Not answered by an empty stream, which looks like an app that accepted."""
    forwarder = Forwarder(asyncio.get_running_loop(), refusing)
    reader, writer = await open_stream(forwarder.endpoint)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ConnectionResetError):
            await reader.read()
    writer.close()
    await forwarder.close()


async def test_a_client_is_reset_if_no_socket_can_be_made_there() -> None:
    """As when the agent of the app's network has ended."""

    def none(*_: int) -> socket.socket:
        raise NotHanded(errno.EPIPE, "the process in the namespace has ended")

    there = Endpoint(host=HOST, port=1, new_socket=none)
    forwarder = Forwarder(asyncio.get_running_loop(), lambda: there)
    reader, writer = await open_stream(forwarder.endpoint)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ConnectionResetError):
            await reader.read()
    writer.close()
    await forwarder.close()


async def test_a_reset_by_the_endpoint_reaches_the_client_as_a_reset() -> None:
    """An app that dies looks the same with and without the forwarder."""
    async with forwarded(reset) as forwarder:
        reader, writer = await open_stream(forwarder.endpoint)
        writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_a_reset_by_the_client_reaches_the_endpoint_as_a_reset() -> None:
    """The app does not take a client that is gone for one that has finished."""
    seen: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x")
        try:
            await reader.read()
        except OSError as error:
            seen.set_result(error)
        else:
            seen.set_result(None)
        writer.close()

    async with forwarded(watch) as forwarder:
        reader, writer = await open_stream(forwarder.endpoint)
        await reset(reader, writer)
        assert isinstance(await seen, ConnectionResetError)


async def test_a_forwarder_that_closes_resets_its_connections_and_stops_listening() -> None:
    """Also a connection whose client reads nothing while the answer is long."""
    sending = asyncio.Event()

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(bytes(1 << 20))
                sending.set()
                await writer.drain()
        except OSError:
            writer.close()

    async with forwarded(flood) as forwarder:
        with socket.create_connection((HOST, forwarder.endpoint.port)) as client:
            await sending.wait()
            await forwarder.close()
            with pytest.raises(ConnectionResetError):
                await _read_to_the_end(client)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, forwarder.endpoint.port))


async def _read_to_the_end(client: socket.socket) -> None:
    client.setblocking(False)
    while await asyncio.get_running_loop().sock_recv(client, 1 << 20):
        pass


async def test_a_forwarder_that_is_closed_before_it_began_leaves_nothing() -> None:
    """A run may end in the moment in which a step asks for the URL."""
    forwarder = Forwarder(asyncio.get_running_loop(), refusing)
    await forwarder.close()
    await asyncio.sleep(0)  # it would begin now
    with pytest.raises(ConnectionRefusedError):
        await open_stream(forwarder.endpoint)
    assert not forwarder._tasks


async def test_a_forwarder_may_be_made_in_any_thread() -> None:
    """A client in that thread waits for the event loop of the lab alone."""

    def asked() -> bytes:
        forwarder = Forwarder(loop, lambda: target)
        made.append(forwarder)
        with socket.create_connection((HOST, forwarder.endpoint.port), PATIENCE_S) as client:
            client.sendall(b"this")
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while data := client.recv(100):
                answer += data
            return answer

    made: list[Forwarder] = []
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(answer_once_asked, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    target = Endpoint(host=HOST, port=port, new_socket=made_inside)
    assert await asyncio.to_thread(asked) == b"you sent this"
    await made[0].close()
    server.close()


async def test_a_new_connection_goes_to_the_newest_endpoint() -> None:
    """The app of a later boot may listen on another port."""

    async def serves(name: bytes) -> asyncio.Server:
        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(name)
            writer.close()

        return await asyncio.start_server(greet, HOST, 0)

    servers = [await serves(b"first"), await serves(b"second")]
    ports = iter([each.sockets[0].getsockname()[1] for each in servers])
    forwarder = Forwarder(asyncio.get_running_loop(), lambda: Endpoint(host=HOST, port=next(ports)))
    greetings = []
    for _ in servers:
        reader, writer = await open_stream(forwarder.endpoint)
        greetings.append(await reader.read())
        writer.close()
    assert greetings == [b"first", b"second"]
    await forwarder.close()
    for each in servers:
        each.close()


async def test_a_failed_connect_closes_the_socket_that_was_handed_out() -> None:
    """An app that refuses for long must not use up the lab's descriptors."""
    made: list[socket.socket] = []

    def kept(*kind: int) -> socket.socket:
        made.append(socket.socket(*kind))
        return made[-1]

    there = refusing()
    with pytest.raises(ConnectionRefusedError):
        await open_stream(Endpoint(host=there.host, port=there.port, new_socket=kept))
    assert [each.fileno() for each in made] == [-1]

"""HTTP/1.1 over asyncio and h11: reads requests, calls the app, writes its answers."""

from __future__ import annotations

import asyncio
import contextlib
import http
import socket
import sys
import traceback
from email.utils import formatdate

import h11

from chaoslab.engine.http_messages import Answer, App, Request, plain_error

_MAX_BODY = 1024 * 1024
_MAX_CHUNKS = 4096
_READ = 64 * 1024
_IDLE_S = 60
# From a request's first byte to its last; Toxiproxy waits 15 s.
_READ_WITHIN_S = 10.0
_WRITE_WITHIN_S = 30.0
# After a refusal, further input is discarded up to these limits. A close with unread bytes would
# reset the connection, and the client would not see the answer.
_LINGER_S = 2.0
_LINGER_BYTES = 32 * 1024 * 1024


async def serve_connection(
    app: App, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one client until it leaves, is found dead by the kernel, or breaks the protocol."""
    connection = h11.Connection(h11.SERVER)
    try:
        _keep_alive(writer.get_extra_info("socket"))
        while True:
            request = await _next_request(connection, reader, writer)
            if request is None:
                break
            answer = await _asked(app, request)
            _send(connection, writer, answer, head=request.method == "HEAD")
            await _taken(writer)
            if connection.our_state is not h11.DONE:
                break
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            _send(connection, writer, _refusal(error.error_status_hint), head=False)
            await _linger(reader, writer)
    except (OSError, asyncio.CancelledError):
        pass  # the client is gone, dead or too slow, or the engine is ending: this task ends
    finally:
        writer.close()


async def _asked(app: App, request: Request) -> Answer:
    """The app's answer; 500 for a bug in the engine, which must not end the server."""
    try:
        return await app(request)
    except Exception:
        print("chaoslab.engine: a bug; the request is answered with 500", file=sys.stderr)
        traceback.print_exc(file=sys.stderr)
        return plain_error('{"error":"internal error","status":500}', 500)


async def _taken(writer: asyncio.StreamWriter) -> None:
    """Wait until a client has taken its answer; TimeoutError for one that does not read."""
    if writer.transport.get_write_buffer_size() > 0:
        async with asyncio.timeout(_WRITE_WITHIN_S):
            await writer.drain()


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let the client read its refusal while it still sends."""
    left = _LINGER_BYTES
    with contextlib.suppress(OSError):
        writer.write_eof()
        async with asyncio.timeout(_LINGER_S):
            while left > 0 and (data := await reader.read(_READ)):
                left -= len(data)


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel detect dead clients: a timer in each wait would slow all data.

    It was about a tenth of the engine's work per round trip.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_S)


async def _next_request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """The next request, complete; None where the client has ended, or another protocol begins.

    Between two requests a client may wait as long as it likes; one that has begun must be
    complete in time (TimeoutError). Most come in one piece and need no timer.
    """
    coming = _Coming(connection, str(writer.get_extra_info("sockname")[0]))
    if connection.trailing_data[0] == b"":
        connection.receive_data(await reader.read(_READ))
    if not coming.look():
        async with asyncio.timeout(_READ_WITHIN_S):
            while not coming.look():
                if connection.they_are_waiting_for_100_continue:
                    writer.write(_go_on(connection))
                connection.receive_data(await reader.read(_READ))
    return coming.request


class _Coming:
    """A request on its way; RemoteProtocolError 413 as soon as it is too large."""

    def __init__(self, connection: h11.Connection, reached: str) -> None:
        self.request: Request | None = None
        self._connection, self._reached = connection, reached
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._chunks = 0

    def look(self) -> bool:
        """Read the events that are there; True once the request is complete or input has ended."""
        while True:
            event = self._connection.next_event()
            if event is h11.NEED_DATA:
                return False
            if isinstance(event, h11.Request):
                self._head = event
                self._demand_small(_promised(event))
            elif isinstance(event, h11.Data):
                self._body += event.data
                self._chunks += event.chunk_start
                self._demand_small(len(self._body))
            else:
                if isinstance(event, h11.EndOfMessage) and self._head is not None:
                    self.request = _request(self._head, bytes(self._body), self._reached)
                return True

    def _demand_small(self, length: int) -> None:
        if length > _MAX_BODY or self._chunks > _MAX_CHUNKS:
            raise h11.RemoteProtocolError("body too large", error_status_hint=413)


def _promised(head: h11.Request) -> int:
    """The Content-Length of a request; h11 has checked that it is a number."""
    lengths = [value for name, value in head.headers if name == b"content-length"]
    return int(lengths[0]) if lengths else 0


def _go_on(connection: h11.Connection) -> bytes:
    go_on = h11.InformationalResponse(status_code=100, headers=[], reason=_reason(100))
    return connection.send(go_on) or b""


def _refusal(status: int) -> Answer:
    """The answer of Go's server to a request that it cannot read."""
    plain = plain_error(f"{status} {_reason(status).decode()}", status)
    headers = {"Connection": "close"}
    return Answer(status=status, body=plain.body.rstrip(), content_type=plain.content_type,
                  headers=headers)  # fmt: skip


def _reason(status: int) -> bytes:
    """The reason phrase of a status, such as "Not Found"; some clients show it."""
    return http.HTTPStatus(status).phrase.encode()


def _request(head: h11.Request, body: bytes, reached: str) -> Request:
    path, _, query = head.target.decode("latin-1").partition("?")
    if not path.startswith("/"):  # the absolute form: http://host/path
        path = "/" + path.partition("://")[2].partition("/")[2]
    return Request(
        method=head.method.decode("ascii"),
        path=path,
        query=query,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
        body=body,
        reached=reached,
    )


def _send(
    connection: h11.Connection, writer: asyncio.StreamWriter, answer: Answer, *, head: bool
) -> None:
    body = answer.body.encode()
    headers = [("Date", formatdate(usegmt=True)), *answer.headers.items()]
    if answer.content_type is not None:
        headers.append(("Content-Type", answer.content_type))
    if answer.status != http.HTTPStatus.NO_CONTENT:
        headers.append(("Content-Length", str(len(body))))
    out = (
        connection.send(
            h11.Response(status_code=answer.status, headers=headers, reason=_reason(answer.status))
        )
        or b""
    )
    if body and not head:
        out += connection.send(h11.Data(data=body)) or b""
    out += connection.send(h11.EndOfMessage()) or b""
    writer.write(out)

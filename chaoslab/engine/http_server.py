"""HTTP/1.1 over asyncio and h11: reads requests, calls the API's handler, writes its answers."""

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
# After a refusal, input is read and discarded up to these limits. If we closed with unread bytes,
# the kernel would reset the connection, and the client would not see the answer.
_LINGER_S = 2.0
_LINGER_BYTES = 32 * 1024 * 1024


async def serve_connection(
    app: App, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one client until it disconnects, breaks the protocol, or the kernel finds it dead."""
    connection = h11.Connection(h11.SERVER)
    try:
        _keep_alive(writer.get_extra_info("socket"))
        while True:
            request = await _next_request(connection, reader, writer)
            if request is None:
                break
            answer = await _answer_from(app, request)
            _send(connection, writer, answer, head=request.method == "HEAD")
            await _wait_until_sent(writer)
            if connection.our_state is not h11.DONE:
                break
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            _send(connection, writer, _refusal(error.error_status_hint), head=False)
            await _linger(reader, writer)
    except (OSError, asyncio.CancelledError):
        pass  # the client has disconnected or is too slow, or the engine stops
    finally:
        writer.close()


async def _answer_from(app: App, request: Request) -> Answer:
    """The answer of the API's handler; 500 if it raises, so that a bug does not end the server."""
    try:
        return await app(request)
    except Exception:
        print("chaoslab.engine: a bug; the request is answered with 500", file=sys.stderr)
        traceback.print_exc(file=sys.stderr)
        return plain_error('{"error":"internal error","status":500}', 500)


async def _wait_until_sent(writer: asyncio.StreamWriter) -> None:
    """Wait until the answer is sent. Raises TimeoutError if the client does not read."""
    if writer.transport.get_write_buffer_size() > 0:
        async with asyncio.timeout(_WRITE_WITHIN_S):
            await writer.drain()


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read and discard what the client still sends, so that it can read its refusal."""
    left = _LINGER_BYTES
    with contextlib.suppress(OSError):
        writer.write_eof()
        async with asyncio.timeout(_LINGER_S):
            while left > 0 and (data := await reader.read(_READ)):
                left -= len(data)


def _keep_alive(sock: socket.socket) -> None:
    """Set TCP keep-alive on the socket, so that the kernel detects dead clients.

    A timer for each read took about a tenth of the engine's time per round trip.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_S)


async def _next_request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """The next complete request; None if the client has ended its side or changes the protocol.

    Between two requests a client may wait for any time. Raises TimeoutError if a request that has
    begun is not complete in time; most arrive in one piece and need no timer.
    """
    request = _RequestReader(connection, str(writer.get_extra_info("sockname")[0]))
    if connection.trailing_data[0] == b"":
        connection.receive_data(await reader.read(_READ))
    if not request.read():
        async with asyncio.timeout(_READ_WITHIN_S):
            while not request.read():
                if connection.they_are_waiting_for_100_continue:
                    writer.write(_continue_100(connection))
                connection.receive_data(await reader.read(_READ))
    return request.complete


class _RequestReader:
    """Collects one request, which is then `complete`. Raises RemoteProtocolError 413 as soon as the
    request is too large.
    """

    def __init__(self, connection: h11.Connection, local_address: str) -> None:
        self.complete: Request | None = None
        self._connection, self._local_address = connection, local_address
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._chunks = 0

    def read(self) -> bool:
        """Process the events received so far.

        Returns True if the request is complete or input has ended, False if more data is needed.
        """
        while True:
            event = self._connection.next_event()
            if event is h11.NEED_DATA:
                return False
            if isinstance(event, h11.Request):
                self._head = event
                self._require_small(_declared_length(event))
            elif isinstance(event, h11.Data):
                self._body += event.data
                self._chunks += event.chunk_start
                self._require_small(len(self._body))
            else:
                if isinstance(event, h11.EndOfMessage) and self._head is not None:
                    self.complete = _request(self._head, bytes(self._body), self._local_address)
                return True

    def _require_small(self, length: int) -> None:
        if length > _MAX_BODY or self._chunks > _MAX_CHUNKS:
            raise h11.RemoteProtocolError("body too large", error_status_hint=413)


def _declared_length(head: h11.Request) -> int:
    """The Content-Length of a request, 0 without one; h11 has checked that it is a number."""
    lengths = [value for name, value in head.headers if name == b"content-length"]
    return int(lengths[0]) if lengths else 0


def _continue_100(connection: h11.Connection) -> bytes:
    answer = h11.InformationalResponse(status_code=100, headers=[], reason=_reason(100))
    return connection.send(answer) or b""


def _refusal(status: int) -> Answer:
    """The answer to a request that cannot be read, as Go's server sends it."""
    plain = plain_error(f"{status} {_reason(status).decode()}", status)
    headers = {"Connection": "close"}
    return Answer(status=status, body=plain.body.rstrip(), content_type=plain.content_type,
                  headers=headers)  # fmt: skip


def _reason(status: int) -> bytes:
    """The reason phrase of a status, such as "Not Found", which some clients show."""
    return http.HTTPStatus(status).phrase.encode()


def _request(head: h11.Request, body: bytes, local_address: str) -> Request:
    path, _, query = head.target.decode("latin-1").partition("?")
    if not path.startswith("/"):  # the absolute form: http://host/path
        path = "/" + path.partition("://")[2].partition("/")[2]
    return Request(
        method=head.method.decode("ascii"),
        path=path,
        query=query,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
        body=body,
        local_address=local_address,
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

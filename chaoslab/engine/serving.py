"""HTTP/1.1 over asyncio and h11: reads requests, asks the app, writes its answers."""

from __future__ import annotations

import asyncio
import http
import socket
from email.utils import formatdate

import h11

from chaoslab.engine.http import Answer, App, Request, plain_error

_MAX_BODY = 16 * 1024 * 1024
_READ = 64 * 1024
_IDLE_S = 60


async def serve_connection(
    app: App, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one client until it leaves, is found dead by the kernel, or breaks the protocol."""
    _keep_alive(writer.get_extra_info("socket"))
    connection = h11.Connection(h11.SERVER)
    try:
        while True:
            request = await _next_request(connection, reader, writer)
            if request is None:
                break
            _send(connection, writer, await app(request), head=request.method == "HEAD")
            await writer.drain()
            if connection.our_state is not h11.DONE:
                break
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            _send(connection, writer, _refusal(error.error_status_hint), head=False)
    except (ConnectionError, TimeoutError, asyncio.CancelledError):
        pass  # the client is gone or dead, or the engine is ending: this task ends either way
    finally:
        writer.close()


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel find out who is gone: a timer of ours, always set, would tax all data.

    Arming it anew in every wait was about a tenth of the engine's work per round trip.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_S)


async def _next_request(
    connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason=_reason(100))
                writer.write(connection.send(go_on) or b"")
            connection.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _MAX_BODY:
                raise h11.RemoteProtocolError("body too large", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, body)
        else:
            return None


def _refusal(status: int) -> Answer:
    """What Go answers where it cannot read a request."""
    plain = plain_error(f"{status} {_reason(status).decode()}", status)
    headers = {"Connection": "close"}
    return Answer(status=status, body=plain.body.rstrip(), content_type=plain.content_type,
                  headers=headers)  # fmt: skip


def _reason(status: int) -> bytes:
    """The words beside a status, which some clients show: "Not Found"."""
    return http.HTTPStatus(status).phrase.encode()


def _request(head: h11.Request, body: bytes) -> Request:
    path, _, query = head.target.decode("latin-1").partition("?")
    if not path.startswith("/"):  # the absolute form: http://host/path
        path = "/" + path.partition("://")[2].partition("/")[2]
    return Request(
        method=head.method.decode("ascii"),
        path=path,
        query=query,
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers},
        body=body,
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

"""One GET on a connection of its own, as a prober sends it.

A client library spends five times the processor time on that, and forty a second of them would
leave a lab that shares its cores too little to keep its own times.
"""

from __future__ import annotations

import asyncio

import h11
import httpx

from chaoslab.runtimes.base import Endpoint

_MOST_BYTES = 1 << 16


async def get(there: Endpoint, path: str, headers: httpx.Headers) -> httpx.Response:
    """The whole answer, decoded as its headers say, of any status.

    Raises httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError (no HTTP, or half an
    answer) or httpx.DecodingError. The caller bounds the time.
    """
    try:
        reader, writer = await asyncio.open_connection(there.host, there.port)
    except OSError as error:
        raise httpx.ConnectError(str(error)) from error
    try:
        talk = h11.Connection(h11.CLIENT)
        target = httpx.URL(f"http://{there}{path}").raw_path
        host = (b"Host", str(there).encode())
        request = h11.Request(method="GET", target=target, headers=[host, *headers.raw])
        writer.write((talk.send(request) or b"") + (talk.send(h11.EndOfMessage()) or b""))
        return await _answer(talk, reader)
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except OSError as error:
        raise httpx.ReadError(str(error)) from error
    finally:
        writer.close()


async def _answer(talk: h11.Connection, reader: asyncio.StreamReader) -> httpx.Response:
    head: h11.Response | None = None
    body: list[bytes] = []
    while True:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_MOST_BYTES)
            if not data and head is None:
                raise h11.RemoteProtocolError("the server closed without an answer")
            talk.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body.append(bytes(event.data))
        elif not isinstance(event, h11.InformationalResponse):
            break  # the end; or another protocol, to which nobody has agreed
    if head is None:
        raise h11.RemoteProtocolError("the server speaks another protocol")
    return httpx.Response(head.status_code, headers=list(head.headers), content=b"".join(body))

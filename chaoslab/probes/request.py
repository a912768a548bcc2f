"""One request on a connection of its own, and its answer within bounds: nobody else reads an app.

A client library spends five times the processor time on that, and forty a second of them would
leave a lab that shares its cores too little to keep its own times. And an app may answer anything:
a gigabyte, five kilobytes of gzip that become six, a million chunks. Nothing is decoded here.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import h11
import httpx

from chaoslab.machine.endpoint import Endpoint

MOST_BODY_BYTES = 1 << 20
MOST_CHUNKS = 4096
MOST_INTERIM_ANSWERS = 16
_READ_BYTES = 1 << 16
_HEADERS = [
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", b"chaoslab"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer in full; `body` is as it was sent, `headers` have lower-case names."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 2xx."""
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        """The body as UTF-8, whatever charset it claims; wrong bytes are replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def encoding(self) -> str:
        """The content encoding, if the body is not sent as it is; else empty."""
        named = self.headers.get("content-encoding", "").strip().lower()
        return "" if named == "identity" else named


class AnswerTooLarge(httpx.HTTPError):
    """An answer beyond what the lab reads; `status_code` came with it."""

    def __init__(self, status_code: int, what: str) -> None:
        super().__init__(f"{what}; the lab stops reading here")
        self.status_code = status_code


async def ask(
    there: Endpoint, path: str, *, method: str = "GET", json_body: bytes | None = None
) -> Reply:
    """The whole answer, of any status; the lab asks for no content encoding.

    Raises httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError (no HTTP, or half an
    answer) or AnswerTooLarge. The caller bounds the time.
    """
    line = await Line.opened(there)
    try:
        return await line.exchange(path, method=method, json_body=json_body)
    finally:
        line.close()


class Line:
    """One connection to an app; it carries one request at a time."""

    def __init__(
        self, there: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._there, self._reader, self._writer = there, reader, writer
        self._talk = h11.Connection(h11.CLIENT)
        self._transport = cast("asyncio.Transport", writer.transport)  # it reads as well

    @classmethod
    async def opened(cls, there: Endpoint) -> Line:
        """A new connection. Raises httpx.ConnectError."""
        try:
            return cls(there, *await asyncio.open_connection(there.host, there.port))
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error

    async def exchange(self, path: str, *, method: str, json_body: bytes | None) -> Reply:
        """Send a request and read the whole answer; raises as `ask` does."""
        try:
            if not self._transport.is_reading():
                self._transport.resume_reading()
            self._writer.write(_request(self._talk, self._there, path, method, json_body))
            return await _answer(self._talk, self._reader)
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        except OSError as error:
            raise httpx.ReadError(str(error)) from error

    def is_kept(self) -> bool:
        """Whether the server has agreed to a next request, and has said or closed nothing since.

        From then on nothing is read before the next request, so that it can be asked again.
        """
        unasked, _ = self._talk.trailing_data
        if unasked or self._reader.at_eof() or self._transport.is_closing():
            return False
        if self._talk.our_state is h11.DONE and self._talk.their_state is h11.DONE:
            self._talk.start_next_cycle()
            self._transport.pause_reading()
        return self._talk.our_state is h11.IDLE and not self._has_come()

    def _has_come(self) -> bool:
        """Whether the kernel has bytes, an end or an error that nobody has read yet."""
        look = select.poll()
        look.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(look.poll(0))

    def close(self) -> None:
        """Give the connection up."""
        self._writer.close()


def _request(
    talk: h11.Connection, there: Endpoint, path: str, method: str, json_body: bytes | None
) -> bytes:
    target = httpx.URL(f"http://{there}{path}").raw_path
    headers = [(b"Host", str(there).encode()), *_HEADERS]
    if json_body is not None:
        length = str(len(json_body)).encode()
        headers += [(b"Content-Type", b"application/json"), (b"Content-Length", length)]
    request = h11.Request(method=method, target=target, headers=headers)
    events: list[h11.Event] = [request]
    if json_body is not None:
        events.append(h11.Data(data=json_body))
    return b"".join(talk.send(event) or b"" for event in (*events, h11.EndOfMessage()))


async def _answer(talk: h11.Connection, reader: asyncio.StreamReader) -> Reply:
    head: h11.Response | None = None
    body = bytearray()
    chunks = interim = 0
    while True:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_READ_BYTES)
            if not data and head is None:
                raise h11.RemoteProtocolError("the server closed the connection without an answer")
            talk.receive_data(data)
        elif isinstance(event, h11.InformationalResponse):
            interim += 1
            if interim > MOST_INTERIM_ANSWERS:
                raise h11.RemoteProtocolError(f"more than {MOST_INTERIM_ANSWERS} interim answers")
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data) and head is not None:
            body += event.data
            chunks += event.chunk_start
            _demand_within(head.status_code, len(body), chunks)
        else:
            break  # the end; or another protocol, to which nobody has agreed
    if head is None:
        raise h11.RemoteProtocolError("the server speaks another protocol")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Reply(status_code=head.status_code, headers=headers, body=bytes(body))


def _demand_within(status_code: int, body_bytes: int, chunks: int) -> None:
    if body_bytes > MOST_BODY_BYTES:
        raise AnswerTooLarge(status_code, "a body of more than 1 MiB")
    if chunks > MOST_CHUNKS:
        raise AnswerTooLarge(status_code, f"a body of more than {MOST_CHUNKS} chunks")

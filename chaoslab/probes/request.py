"""HTTP requests to an app, with limits on the size of the answer. Every probe uses this client.

A general HTTP client needs five times the processor time; at forty requests a second that would
delay the lab, which shares its cores with the app. An app may also send a body of a gigabyte, a
compressed body that becomes one, or a million chunks: here nothing is decompressed, and reading
stops at a limit.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import h11
import httpx

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.streams import open_stream

MOST_BODY_BYTES = 1 << 20
MOST_CHUNKS = 4096
MOST_INTERIM_ANSWERS = 16
_READ_BYTES = 1 << 16
_ENCODING = (b"Accept-Encoding", b"identity")
_USUAL = {"accept": (b"Accept", b"*/*"), "user-agent": (b"User-Agent", b"chaoslab")}
JSON = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request to send. The lab adds Accept-Encoding and Content-Length, and Host, Accept and
    User-Agent if `headers` has none.
    """

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete answer. `body` has the bytes as sent; the names in `headers` are lower case."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        """The body decoded as UTF-8, whatever its content type says; invalid bytes are replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def encoding(self) -> str:
        """The content encoding, such as `gzip`; empty if the body is not encoded."""
        named = self.headers.get("content-encoding", "").strip().lower()
        return "" if named == "identity" else named


class AnswerTooLarge(httpx.HTTPError):
    """The answer is larger than the lab reads. `status_code` is that of the answer."""

    def __init__(self, status_code: int, what: str) -> None:
        super().__init__(f"{what}; the lab stops reading here")
        self.status_code = status_code


async def ask(there: Endpoint, message: Message) -> Reply:
    """Send the request on a new connection and return the answer, whatever its status.

    Raises httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError (not HTTP, or an
    incomplete answer) or AnswerTooLarge. There is no time limit: the caller sets one.
    """
    connection = await Connection.opened(there)
    try:
        return await connection.exchange(message)
    finally:
        connection.close()


class Connection:
    """One connection to an app; it carries one request at a time."""

    def __init__(
        self, there: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._there, self._reader, self._writer = there, reader, writer
        self._http = h11.Connection(h11.CLIENT)
        self._transport = cast("asyncio.Transport", writer.transport)  # it can pause reading too

    @classmethod
    async def opened(cls, there: Endpoint) -> Connection:
        """Open a connection to `there`. Raises httpx.ConnectError if it cannot be opened."""
        try:
            return cls(there, *await open_stream(there))
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error

    async def exchange(self, message: Message) -> Reply:
        """Send the request and return the complete answer. Raises the same errors as `ask`."""
        with _as_httpx():
            if not self._transport.is_reading():
                self._transport.resume_reading()
            self._writer.write(_encoded(self._http, self._there, message))
            return await _answer(self._http, self._reader)

    async def head(self, message: Message) -> int:
        """Send the request and return the status of the answer, whose `body` is still to be read.
        Raises the same errors as `ask`.
        """
        with _as_httpx():
            self._writer.write(_encoded(self._http, self._there, message))
            while not isinstance(
                event := await _next_event(self._http, self._reader), h11.Response
            ):
                if not isinstance(event, h11.InformationalResponse):
                    raise h11.RemoteProtocolError("the server closed the connection")
            return event.status_code

    async def body(self) -> AsyncIterator[bytes]:
        """The body of the answer after `head`, as it arrives. Raises the same errors as `ask`."""
        with _as_httpx():
            while isinstance(event := await _next_event(self._http, self._reader), h11.Data):
                yield bytes(event.data)

    def is_reusable(self) -> bool:
        """Whether another request can be sent on this connection.

        The server must allow it, and have sent and closed nothing since its last answer. If so, the
        connection is made ready for that request, and reading is paused until then.
        """
        unrequested, _ = self._http.trailing_data
        if unrequested or self._reader.at_eof() or self._transport.is_closing():
            return False
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._transport.pause_reading()
        return self._http.our_state is h11.IDLE and not self._has_input()

    def _has_input(self) -> bool:
        """Whether the kernel holds unread bytes, an end or an error of this connection."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise errors of the connection as those of httpx."""
    try:
        yield
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except OSError as error:
        raise httpx.ReadError(str(error)) from error


async def _next_event(http: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(_READ_BYTES))
    return event


def _encoded(http: h11.Connection, there: Endpoint, message: Message) -> bytes:
    target = httpx.URL(f"http://{there}{message.path}").raw_path
    given = {name.lower() for name, _ in message.headers}
    headers = [] if "host" in given else [(b"Host", str(there).encode())]
    headers.append(_ENCODING)
    headers += [header for name, header in _USUAL.items() if name not in given]
    headers += [(name.encode(), value.encode()) for name, value in message.headers]
    if message.body is not None:
        headers.append((b"Content-Length", str(len(message.body)).encode()))
    events: list[h11.Event] = [h11.Request(method=message.method, target=target, headers=headers)]
    if message.body is not None:
        events.append(h11.Data(data=message.body))
    return b"".join(http.send(event) or b"" for event in (*events, h11.EndOfMessage()))


async def _answer(http: h11.Connection, reader: asyncio.StreamReader) -> Reply:
    head: h11.Response | None = None
    body = bytearray()
    chunks = interim = 0
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_READ_BYTES)
            if not data and head is None:
                raise h11.RemoteProtocolError("the server closed the connection without an answer")
            http.receive_data(data)
        elif isinstance(event, h11.InformationalResponse):
            interim += 1
            if interim > MOST_INTERIM_ANSWERS:
                raise h11.RemoteProtocolError(f"more than {MOST_INTERIM_ANSWERS} interim answers")
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data) and head is not None:
            body += event.data
            chunks += event.chunk_start
            _check_size(head.status_code, len(body), chunks)
        else:
            break  # the end, or a switch to another protocol, which the lab did not request
    if head is None:
        raise h11.RemoteProtocolError("the server speaks another protocol")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Reply(status_code=head.status_code, headers=headers, body=bytes(body))


def _check_size(status_code: int, body_bytes: int, chunks: int) -> None:
    if body_bytes > MOST_BODY_BYTES:
        raise AnswerTooLarge(status_code, "a body of more than 1 MiB")
    if chunks > MOST_CHUNKS:
        raise AnswerTooLarge(status_code, f"a body of more than {MOST_CHUNKS} chunks")

"""A path to RabbitMQ after its connect: Connection.Start, a log-in, and the virtual host.

The frames are pamqp's; what is silent, closed, or another protocol, no driver distinguishes.
Sources: the AMQP 0-9-1 specification (class connection); RabbitMQ's "URI Specification".
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from chaoslab.errors import RuntimeUnavailable
from chaoslab.services.answers import Streams
from chaoslab.services.base import OWN_NAME
from chaoslab.services.path import Ended, Outcome, Target, Trip
from chaoslab.services.rabbitmq.driver import base, commands, common, exceptions, frame
from chaoslab.services.rabbitmq.protocol import HEADER

_PORTS = {"amqp": 5672, "amqps": 5671}
_WITHIN_S = 5.0
_HEAD = struct.Struct("!BHI")
_METHOD, _LONGEST = 1, 131_072
_REFUSED, _NOT_ALLOWED, _FORCED = 403, 530, 320
_BY_CODE: dict[int, Outcome] = {_REFUSED: "wrong credentials", _FORCED: "not ready"}
F = TypeVar("F", bound=base.Frame)


def targets(link: str, url: str, source: str) -> Iterator[Target]:
    """The host of an AMQP URL. Raises ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not an AMQP URL")
    yield Target(
        link=link,
        kind="rabbitmq",
        source=source,
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        user=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        database=unquote(parts.path.removeprefix("/")) or "/",
        tls=parts.scheme == "amqps",
        params={key: given[-1] for key, given in parse_qs(parts.query).items()},
    )


async def walk(trip: Trip, target: Target, sock: socket.socket) -> None:
    """From Connection.Start to an opened virtual host. Raises Ended."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with trip.step("answer"):
            reader, writer = await _opened(sock, target)
            await _started((reader, writer))
        async with trip.step("log in"):
            await _logged_in((reader, writer), target.user, target.password)
        async with trip.step("query"):
            await _entered((reader, writer), target.database)
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        raise Ended("closed", getattr(error, "strerror", "") or "") from None
    finally:
        if writer is not None:
            writer.transport.abort()
        sock.close()


async def about(url: str) -> str:
    """Log in, and tell product and version. Raises RuntimeUnavailable."""
    (target,) = targets("", url, "")
    try:
        async with asyncio.timeout(_WITHIN_S):
            streams = await asyncio.open_connection(target.host, target.port, ssl=_tls(target))
            try:
                start = await _started(streams)
                await _logged_in(streams, target.user, target.password)
                await _entered(streams, target.database)
            finally:
                streams[1].close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, Ended) as error:
        words = error.words or error.outcome if isinstance(error, Ended) else str(error)
        raise RuntimeUnavailable(
            f"rabbitmq: {words or type(error).__name__}\n  put user and password into the URL"
        ) from error
    properties = start.server_properties or {}
    product, version = (str(properties.get(key) or "?") for key in ("product", "version"))
    return f"{product} {version}"


async def _opened(sock: socket.socket, target: Target) -> Streams:
    if not target.tls:
        return await asyncio.open_connection(sock=sock)
    try:
        host = target.host
        return await asyncio.open_connection(sock=sock, ssl=_tls(target), server_hostname=host)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        raise Ended("TLS asked", f"the URL asks for TLS: {reason}") from None


def _tls(target: Target) -> ssl.SSLContext | None:
    if not target.tls:
        return None
    context = ssl.create_default_context(cafile=target.params.get("cacertfile"))
    if target.params.get("verify") == "verify_none":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _started(streams: Streams) -> commands.Connection.Start:
    streams[1].write(HEADER)
    return await _answer(streams, commands.Connection.Start)


async def _logged_in(streams: Streams, user: str, password: str) -> None:
    # A user that is refused is told so only if the client says that it understands.
    understood: common.FieldTable = {"authentication_failure_close": True}
    properties: common.FieldTable = {"product": OWN_NAME, "capabilities": understood}
    response = f"\0{user}\0{password}"
    _send(streams, commands.Connection.StartOk(properties, "PLAIN", response, "en_US"))
    tune = await _answer(streams, commands.Connection.Tune)
    _send(streams, commands.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))


async def _entered(streams: Streams, host: str) -> None:
    _send(streams, commands.Connection.Open(host))
    await _answer(streams, commands.Connection.OpenOk)
    _send(streams, commands.Connection.Close(200, "", 0, 0))
    await _answer(streams, commands.Connection.CloseOk)


def _send(streams: Streams, method: base.Frame) -> None:
    streams[1].write(frame.marshal(method, 0))


async def _answer(streams: Streams, expected: type[F]) -> F:
    """The server's next method. Raises Ended where it is another one."""
    reader, _ = streams
    head = await reader.readexactly(_HEAD.size)
    kind, _channel, size = _HEAD.unpack(head)
    if kind != _METHOD or size > _LONGEST:
        told = " ".join(f"0x{byte:02x}" for byte in head)
        raise Ended("other protocol", f"its answer is the bytes {told}")
    try:
        got = frame.unmarshal(head + await reader.readexactly(size + 1))[2]
    except (exceptions.PAMQPException, ValueError, struct.error) as error:
        raise Ended("other protocol", str(error)) from None
    if isinstance(got, expected):
        return got
    if not isinstance(got, commands.Connection.Close):
        raise Ended("other protocol", f"expected {expected.__name__}, got {type(got).__name__}")
    code, words = got.reply_code or 0, got.reply_text
    missing = code == _NOT_ALLOWED and "not found" in words
    outcome: Outcome = "missing database" if missing else _BY_CODE.get(code, "failed")
    if code == _NOT_ALLOWED and "refused" in words:
        outcome = "wrong credentials"
    raise Ended(outcome, f"{code}: {words}")

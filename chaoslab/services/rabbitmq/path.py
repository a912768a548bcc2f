"""Checks a path to RabbitMQ after its connect: Connection.Start, a log-in, and the virtual host.

pamqp only encodes and decodes frames. A driver is not used, because drivers do not distinguish a
silent server, a closed connection and another protocol.

Sources: the AMQP 0-9-1 specification (class connection); RabbitMQ's "URI Specification".
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from chaoslab.errors import Problem, RuntimeUnavailable
from chaoslab.services.answers import Streams
from chaoslab.services.base import NO_LOG_IN, OWN_NAME
from chaoslab.services.path import (
    Address,
    Ended,
    Outcome,
    PathProgress,
    Target,
    closed_at_end,
    not_the_protocol,
    opened,
    target_of,
)
from chaoslab.services.rabbitmq.driver import base, commands, common, exceptions, frame
from chaoslab.services.rabbitmq.protocol import HEADER

_PORTS = {"amqp": 5672, "amqps": 5671}
_WITHIN_S = 5.0
_HEAD = struct.Struct("!BHI")
_METHOD, _LONGEST = 1, 131_072
_REFUSED, _NOT_ALLOWED, _FORCED = 403, 530, 320
_BY_CODE: dict[int, Outcome] = {_REFUSED: "wrong credentials", _FORCED: "not ready"}
F = TypeVar("F", bound=base.Frame)


def targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target]:  # fmt: skip
    """Yields the one target that an AMQP URL names. Raises ValueError for a URL of another kind."""
    del secret
    read = target_of(link, url, source, kind="rabbitmq", ports=_PORTS)
    yield replace(
        read,
        user=read.user or "guest",
        password=read.password or "guest",
        database=read.database or "/",
        tls=url.lower().startswith("amqps:"),
    )


async def walk(
    progress: PathProgress, target: Target, sock: socket.socket, address: Address
) -> None:
    """Check the steps from Connection.Start to an opened virtual host. Raises Ended at the step
    that fails.
    """
    del address
    with closed_at_end(sock) as open_streams:
        async with progress.step("answer"):
            streams = await opened(sock, target.host, _tls(target), open_streams)
            await _started(streams)
        async with progress.step("log in"):
            await _logged_in(streams, target.user, target.password)
        async with progress.step("query"):
            await _entered(streams, target.database)


async def about(url: str) -> str:
    """Log in to the server of `url`; returns its product and version.

    Raises RuntimeUnavailable, with the fix, if that fails.
    """
    (target,) = targets("", url, "", lambda _: "")
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
        reason = NO_LOG_IN(cause=words or type(error).__name__)
        fix = "put user and password into the URL"
        raise RuntimeUnavailable(Problem(reason=reason, where="rabbitmq", fix=fix)) from error
    properties = start.server_properties or {}
    product, version = (str(properties.get(key) or "?") for key in ("product", "version"))
    return f"{product} {version}"


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
    # Without this capability the server closes the connection instead of answering a wrong user.
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
    """The next method that the server sends. Raises Ended if it is not the expected one."""
    reader, _ = streams
    head = await reader.readexactly(_HEAD.size)
    kind, _channel, size = _HEAD.unpack(head)
    if kind != _METHOD or size > _LONGEST:
        raise not_the_protocol(head)
    try:
        method = frame.unmarshal(head + await reader.readexactly(size + 1))[2]
    except (exceptions.PAMQPException, ValueError, struct.error) as error:
        raise Ended("other protocol", str(error)) from None
    if isinstance(method, expected):
        return method
    if not isinstance(method, commands.Connection.Close):
        raise Ended("other protocol", f"expected {expected.__name__}, got {type(method).__name__}")
    code, words = method.reply_code or 0, method.reply_text
    missing = code == _NOT_ALLOWED and "not found" in words
    outcome: Outcome = "missing database" if missing else _BY_CODE.get(code, "failed")
    if code == _NOT_ALLOWED and "refused" in words:
        outcome = "wrong credentials"
    raise Ended(outcome, f"{code}: {words}")

"""Checks a path to Redis after its connect: a first line, AUTH, and PING in the URL's database.

It uses no driver: none distinguishes a silent server, a closed connection and another protocol.

Source: Redis' RESP specification and the error words of its server (NOAUTH, WRONGPASS, LOADING).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from chaoslab.services.answers import Streams
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

_TLS_ALERT = b"\x15\x03"
_BY_WORDS: tuple[tuple[str, Outcome], ...] = (
    ("NOAUTH", "wrong credentials"),
    ("WRONGPASS", "wrong credentials"),
    ("DENIED", "wrong credentials"),
    ("without any password", "wrong credentials"),
    ("no password is set", "wrong credentials"),
    ("invalid password", "wrong credentials"),
    ("DB index", "missing database"),
    ("max number of clients", "full"),
    ("LOADING", "not ready"),
    ("MASTERDOWN", "not ready"),
    ("CLUSTERDOWN", "not ready"),
)


def targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target]:  # fmt: skip
    """Yields the one target that a Redis URL names. Raises ValueError for a URL of another kind."""
    read = target_of(link, url, source, kind="redis", ports={"redis": 6379, "rediss": 6379})
    query = read.params
    yield replace(
        read,
        user=read.user or query.get("username", ""),
        password=read.password or query.get("password", "") or secret("REDISCLI_AUTH"),
        database=read.database.strip("/") or query.get("db", ""),
        tls=url.lower().startswith("rediss:"),
    )


async def walk(
    progress: PathProgress, target: Target, sock: socket.socket, address: Address
) -> None:
    """Check the steps from the first line to an answered PING. Raises Ended at the step that
    fails.
    """
    del address
    with closed_at_end(sock) as open_streams:
        async with progress.step("answer"):
            streams = await opened(sock, target.host, _tls(target), open_streams)
            first = await _asked(streams, "PING")
        async with progress.step("log in"):
            await _logged_in(streams, target, first)
        async with progress.step("query"):
            if target.database not in ("", "0"):
                _good(await _asked(streams, "SELECT", target.database))
            _good(await _asked(streams, "PING"))


def _tls(target: Target) -> ssl.SSLContext | None:
    if not target.tls:
        return None
    context = ssl.create_default_context(cafile=target.params.get("ssl_ca_certs"))
    if target.params.get("ssl_cert_reqs") == "none":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _asked(streams: Streams, *words: str) -> str:
    """Send a command; returns the first line of the answer, without its line end.

    An error begins with '-'.
    """
    reader, writer = streams
    raw = [word.encode() for word in words]
    parts = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in raw)
    writer.write(b"*%d\r\n" % len(raw) + parts)
    line = await _line(reader)
    if not line.startswith((b"+", b"-")):
        raise not_the_protocol(line[:4])
    return line[:200].decode("utf-8", "replace").rstrip("\r\n")


async def _line(reader: asyncio.StreamReader) -> bytes:
    """One line from the server. If its first byte is neither `+` nor `-`, only that byte.

    Raises Ended if the server answers with TLS, or if the line has no end.
    """
    first = await reader.readexactly(1)
    if first == _TLS_ALERT[:1]:
        with suppress(asyncio.IncompleteReadError):
            first += await reader.readexactly(1)
        if first == _TLS_ALERT:
            raise Ended("TLS asked", "its answer is TLS, but the URL is redis://, not rediss://")
    if first not in (b"+", b"-"):
        return first
    try:
        return first + await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError:
        raise Ended("other protocol", "its line has no end") from None


async def _logged_in(streams: Streams, target: Target, first: str) -> None:
    if target.password:
        words = (target.user, target.password) if target.user else (target.password,)
        _good(await _asked(streams, "AUTH", *words))
    else:
        _good(first)


def _good(line: str) -> None:
    if line.startswith("-"):
        words = line[1:]
        known = [outcome for part, outcome in _BY_WORDS if part in words]
        raise Ended(known[0] if known else "failed", words)

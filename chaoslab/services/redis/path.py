"""A path to Redis after its connect: a first line, AUTH, and PING in the URL's database.

We speak it ourselves: what is silent, closed, or another protocol, no driver distinguishes.
Source: Redis' RESP specification and the error words of its server (NOAUTH, WRONGPASS, LOADING).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import parse_qs, unquote, urlsplit

from chaoslab.services.path import Ended, Outcome, Target, Trip

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_PORT = 6379
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
    """The host of a Redis URL. Raises ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise ValueError("not a Redis URL")
    query = {key: given[-1] for key, given in parse_qs(parts.query).items()}
    yield Target(
        link=link,
        kind="redis",
        source=source,
        host=parts.hostname,
        port=parts.port or _PORT,
        user=unquote(parts.username or query.get("username", "")),
        password=unquote(parts.password or "")
        or query.get("password", "")
        or secret("REDISCLI_AUTH"),
        database=parts.path.strip("/") or query.get("db", ""),
        tls=parts.scheme == "rediss",
        params=query,
    )


async def walk(trip: Trip, target: Target, sock: socket.socket) -> None:
    """From the first line to an answered PING. Raises Ended."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with trip.step("answer"):
            reader, writer = await _opened(sock, target)
            first = await _asked((reader, writer), "PING")
        async with trip.step("log in"):
            await _logged_in((reader, writer), target, first)
        async with trip.step("query"):
            if target.database not in ("", "0"):
                _good(await _asked((reader, writer), "SELECT", target.database))
            _good(await _asked((reader, writer), "PING"))
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        raise Ended("closed", getattr(error, "strerror", "") or "") from None
    finally:
        if writer is not None:
            writer.transport.abort()
        sock.close()


async def _opened(sock: socket.socket, target: Target) -> Streams:
    if not target.tls:
        return await asyncio.open_connection(sock=sock)
    context = ssl.create_default_context(cafile=target.params.get("ssl_ca_certs"))
    if target.params.get("ssl_cert_reqs") == "none":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return await asyncio.open_connection(sock=sock, ssl=context, server_hostname=target.host)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        raise Ended("TLS asked", f"the URL asks for TLS: {reason}") from None


async def _asked(streams: Streams, *words: str) -> str:
    """The first line of the answer, without its end; an error begins with '-'."""
    reader, writer = streams
    raw = [word.encode() for word in words]
    parts = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in raw)
    writer.write(b"*%d\r\n" % len(raw) + parts)
    line = await _line(reader)
    if not line.startswith((b"+", b"-")):
        told = " ".join(f"0x{byte:02x}" for byte in line[:4])
        raise Ended("other protocol", f"its answer is the bytes {told}")
    return line[:200].decode("utf-8", "replace").rstrip("\r\n")


async def _line(reader: asyncio.StreamReader) -> bytes:
    """A line, or as much as came of it; the bytes of a TLS alert are no line."""
    got = await reader.readexactly(1)
    if got == _TLS_ALERT[:1]:
        with suppress(asyncio.IncompleteReadError):
            got += await reader.readexactly(1)
        if got == _TLS_ALERT:
            raise Ended("TLS asked", "its answer is TLS, but the URL is redis://, not rediss://")
    if got not in (b"+", b"-"):
        return got
    try:
        return got + await reader.readuntil(b"\r\n")
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
        told = line[1:]
        known = [outcome for part, outcome in _BY_WORDS if part in told]
        raise Ended(known[0] if known else "failed", told)

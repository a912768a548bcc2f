"""Checks a path to PostgreSQL after its connect: a first byte, a log-in, and `SELECT 1`.

libpq gives no SQLSTATE for a log-in that fails; then the server's words decide.

Sources: PostgreSQL's "Frontend/Backend Protocol" (SSLRequest) and its list of SQLSTATEs.
"""

from __future__ import annotations

import asyncio
import math
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from chaoslab.services.path import (
    Address,
    Ended,
    NoTarget,
    Outcome,
    PathProgress,
    Target,
    not_the_protocol,
)
from chaoslab.services.postgres.protocol import SSL_REQUEST

T = TypeVar("T")
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+://")
_PORT = 5432
_MUST_HAVE_TLS = ("require", "verify-ca", "verify-full")
_BY_STATE: Mapping[str, Outcome] = {
    "28P01": "wrong credentials",
    "28000": "wrong credentials",
    "3D000": "missing database",
    "53300": "full",
    "57P03": "not ready",
}
# In this order: the first match counts.
_BY_WORDS: tuple[tuple[str, Outcome], ...] = (
    ("password authentication failed", "wrong credentials"),
    ("no password supplied", "wrong credentials"),
    ("authentication failed", "wrong credentials"),
    ("is not permitted to log in", "wrong credentials"),
    ("permission denied for database", "wrong credentials"),
    ("too many connections", "full"),
    ("too many clients", "full"),
    ("remaining connection slots", "full"),
    ("the database system is", "not ready"),
    ("certificate", "TLS asked"),
    ("ssl error", "TLS asked"),
    ("does not support ssl", "TLS asked"),
)


class _Connection(psycopg.AsyncConnection[tuple[object, ...]]):
    """A psycopg connection that is closed at once if a wait is cancelled.

    psycopg itself would send a cancel request to the silent server.
    """

    async def wait(
        self,
        gen: PQGen[T],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 - psycopg's own signature
    ) -> T:
        """Run one exchange with the server; returns its result."""
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval=interval)
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise


def targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target | NoTarget]:
    """Yields a Target for every host that libpq would try for the URL, and a NoTarget for each Unix
    socket or missing host. Raises ValueError if libpq cannot read the URL.
    """
    try:
        # libpq does not know the driver's name that a URL of SQLAlchemy may have.
        read = conninfo_to_dict(_DRIVER.sub(r"\1://", url))
    except psycopg.Error as error:
        raise ValueError("libpq cannot read it") from error
    params = {key: str(value) for key, value in read.items()}
    if not params.get("password") and (password := secret("PGPASSWORD")):
        params["password"] = password
    hosts = (params.get("host") or params.get("hostaddr") or "").split(",")
    ports = (params.get("port") or "").split(",")
    for at, host in enumerate(hosts):
        if not host or host.startswith(("/", "@")):
            why = "it names a Unix socket or no host: only the app's own machine can reach it"
            yield NoTarget(link=link, source=source, why=why)
            continue
        port = ports[at] if len(ports) == len(hosts) else ports[0]
        yield Target(
            link=link,
            kind="postgres",
            source=source,
            host=host,
            port=int(port or _PORT),
            params={**params, "host": host},
        )


async def walk(
    progress: PathProgress, target: Target, sock: socket.socket, address: Address
) -> None:
    """Check the steps from the first byte to an answered query. Raises Ended at the step that
    fails.
    """
    async with progress.step("answer"):
        has_tls = await _first_byte(sock) == b"S"
    mode = target.params.get("sslmode", "prefer")
    if mode in _MUST_HAVE_TLS and not has_tls:
        raise Ended("TLS asked", f"the URL has sslmode={mode}, but the server has no TLS")
    async with progress.step("log in"):
        conn = await _logged_in(target, address, progress.within_s, has_tls)
    try:
        async with progress.step("query"):
            await conn.execute("SELECT 1")
    except psycopg.Error as error:
        raise _ended(error, has_tls) from None
    finally:
        conn.pgconn.finish()


async def _first_byte(sock: socket.socket) -> bytes:
    """The first byte of the server's answer to SSLRequest, which needs no log-in.

    Raises Ended if there is none, or if it is not of the protocol.
    """
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sock, SSL_REQUEST)
        byte = await loop.sock_recv(sock, 1)
    except ConnectionError as error:
        raise Ended("closed", error.strerror or "reset") from None
    finally:
        sock.close()
    if not byte:
        raise Ended("closed")
    if byte not in (b"S", b"N", b"E"):
        raise not_the_protocol(byte)
    return byte


async def _logged_in(
    target: Target, address: Address, within_s: float, has_tls: bool
) -> _Connection:
    params = {
        "gssencmode": "disable",  # else libpq may ask a Kerberos library first
        **target.params,
        "hostaddr": str(address),
        "port": str(target.port),
        # A little more than the limit of the step: it ends only what the step did not.
        "connect_timeout": str(max(2, math.ceil(within_s) + 1)),
        "application_name": "chaoslab-preflight",
    }
    try:
        return await _Connection.connect(make_conninfo("", **params), autocommit=True)
    except psycopg.Error as error:
        raise _ended(error, has_tls) from None


def _ended(error: psycopg.Error, has_tls: bool) -> Ended:
    words = " ".join(str(error).split())
    return Ended(classified(words, error.sqlstate, has_tls=has_tls), words)


def classified(words: str, sqlstate: str | None, *, has_tls: bool) -> Outcome:
    """The outcome of a failed log-in or query, from its SQLSTATE and the words of its error.
    `has_tls` is whether the server has TLS.
    """
    text = words.lower()
    if "no pg_hba.conf entry" in text or "pg_hba.conf rejects" in text:
        # Such a line may refuse the missing TLS, this user, or this address.
        plain = "no encryption" in text or "ssl off" in text
        return "TLS asked" if plain and has_tls else "wrong credentials"
    if sqlstate is not None and sqlstate in _BY_STATE:
        return _BY_STATE[sqlstate]
    if "does not exist" in text and ('database "' in text or 'role "' in text):
        return "missing database" if 'database "' in text else "wrong credentials"
    if "server closed the connection" in text or "connection reset" in text:
        return "closed"
    return next((outcome for part, outcome in _BY_WORDS if part in text), "failed")

"""A path to MySQL or MariaDB after its connect: a greeting, a log-in, and `SELECT 1`.

Source: MySQL's "Connection Phase" (HandshakeV10, ERR_Packet) and its list of error codes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chaoslab.services.mysql.driver import pymysql
from chaoslab.services.mysql.sessions import PORT
from chaoslab.services.path import Ended, Outcome, Target, Trip

_PROTOCOL_10, _ERROR = 10, 255
_BY_CODE: Mapping[int, Outcome] = {
    1040: "full",  # too many connections
    1203: "full",  # of this user
    1044: "wrong credentials",  # for this database
    1045: "wrong credentials",
    1698: "wrong credentials",  # as another plug-in has it
    1049: "missing database",
    1053: "not ready",  # shutdown in progress
    3159: "TLS asked",  # require_secure_transport
}


def targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target]:  # fmt: skip
    """The host of a MySQL URL. Raises ValueError where it is none."""
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in ("mysql", "mariadb") or not parts.hostname:
        raise ValueError("not a MySQL URL")
    query = {key: given[-1] for key, given in parse_qs(parts.query).items()}
    yield Target(
        link=link,
        kind="mysql",
        source=source,
        host=parts.hostname,
        port=parts.port or PORT,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or "") or secret("MYSQL_PWD"),
        database=unquote(parts.path.strip("/")),
        tls="ssl_ca" in query,
        params=query,
    )


async def walk(trip: Trip, target: Target, sock: socket.socket) -> None:
    """From the greeting to an answered query. Raises Ended."""
    try:
        async with trip.step("answer"):
            await _greeted(sock)
        tls = ssl.create_default_context(cafile=target.params["ssl_ca"]) if target.tls else None
        connection = pymysql.connect(
            host=target.host,
            user=target.user,
            password=target.password,
            database=target.database or None,
            ssl=tls,
            # The thread has its end, whatever becomes of its caller.
            read_timeout=trip.within_s,
            write_timeout=trip.within_s,
            defer_connect=True,
        )
        async with trip.step("log in"):
            await asyncio.to_thread(connection.connect, sock)
        async with trip.step("query"):
            await asyncio.to_thread(_select_one, connection)
    except pymysql.Error as error:
        raise _ended(error) from None
    except ConnectionError as error:
        raise Ended("closed", error.strerror or "") from None
    finally:
        sock.close()


async def _greeted(sock: socket.socket) -> None:
    """Return once a greeting waits to be read, or a refusal in its place."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    sock.setblocking(False)
    loop.add_reader(sock, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(sock)
    head = sock.recv(5, socket.MSG_PEEK)
    if not head:
        raise Ended("closed")
    if len(head) < 5 or head[3] != 0 or head[4] not in (_PROTOCOL_10, _ERROR):
        told = " ".join(f"0x{byte:02x}" for byte in head)
        raise Ended("other protocol", f"its answer is the bytes {told}")


def _select_one(connection: pymysql.Connection[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
    connection.close()


def _ended(error: pymysql.Error) -> Ended:
    code, words = error.args if len(error.args) == 2 else (0, error)
    original = getattr(error, "original_exception", None)
    if isinstance(original, ssl.SSLError):
        return Ended("TLS asked", f"the URL asks for TLS: {original}")
    if isinstance(original, TimeoutError):
        return Ended("silent")
    if code in (2006, 2013):  # the driver's: the server is gone, or went during the question
        return Ended("closed", str(words))
    return Ended(_BY_CODE.get(int(code), "failed"), f"{code}: {words}")

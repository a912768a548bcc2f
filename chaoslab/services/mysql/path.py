"""Checks a path to MySQL or MariaDB after its connect: a greeting, a log-in, and `SELECT 1`.

Source: MySQL's "Connection Phase" (HandshakeV10, ERR_Packet) and its list of error codes.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from chaoslab.services.mysql.driver import pymysql
from chaoslab.services.mysql.sessions import PORT
from chaoslab.services.path import (
    Address,
    Ended,
    Outcome,
    PathProgress,
    Target,
    not_the_protocol,
    target_of,
)

_PROTOCOL_10, _ERROR = 10, 255
_PORTS = {"mysql": PORT, "mariadb": PORT}
_DRIVER = re.compile(r"(?<=\w)\+\w+(?=://)")
_BY_CODE: Mapping[int, Outcome] = {
    1040: "full",  # too many connections
    1203: "full",  # of this user
    1044: "wrong credentials",  # for this database
    1045: "wrong credentials",
    1698: "wrong credentials",  # by another plug-in
    1049: "missing database",
    1053: "not ready",  # shutdown in progress
    3159: "TLS asked",  # require_secure_transport
}


def targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target]:  # fmt: skip
    """Yields the one target that a MySQL URL names. Raises ValueError for a URL of another kind.

    The URL may name a driver (`mysql+pymysql://`).
    """
    read = target_of(link, _DRIVER.sub("", url), source, kind="mysql", ports=_PORTS)
    yield replace(
        read,
        password=read.password or secret("MYSQL_PWD"),
        database=read.database.strip("/"),
        tls="ssl_ca" in read.params,
    )


async def walk(
    progress: PathProgress, target: Target, sock: socket.socket, address: Address
) -> None:
    """Check the steps from the greeting to an answered query. Raises Ended at the step that
    fails.
    """
    del address
    try:
        async with progress.step("answer"):
            await _greeted(sock)
        tls = ssl.create_default_context(cafile=target.params["ssl_ca"]) if target.tls else None
        connection = pymysql.connect(
            host=target.host,
            user=target.user,
            password=target.password.encode(),  # the driver takes a text as Latin-1
            database=target.database or None,
            ssl=tls,
            # Limits of its own: the thread ends also if its caller was cancelled.
            read_timeout=progress.within_s,
            write_timeout=progress.within_s,
            defer_connect=True,
        )
        async with progress.step("log in"):
            await asyncio.to_thread(connection.connect, sock)
        async with progress.step("query"):
            await asyncio.to_thread(_select_one, connection)
    except pymysql.Error as error:
        raise _ended(error) from None
    except ConnectionError as error:
        raise Ended("closed", error.strerror or "") from None
    finally:
        sock.close()


async def _greeted(sock: socket.socket) -> None:
    """Wait for a greeting, or for an error in its place, and leave it unread.

    Raises Ended if the server closes the connection or sends another protocol.
    """
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    sock.setblocking(False)
    loop.add_reader(sock, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock)
    head = sock.recv(5, socket.MSG_PEEK)
    if not head:
        raise Ended("closed")
    if len(head) < 5 or head[3] != 0 or head[4] not in (_PROTOCOL_10, _ERROR):
        raise not_the_protocol(head)


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
    if code in (2006, 2013):  # of the driver: the connection was closed, before or during a query
        return Ended("closed", str(words))
    return Ended(_BY_CODE.get(int(code), "failed"), f"{code}: {words}")

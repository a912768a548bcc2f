"""The lab's own sessions at MySQL or MariaDB, not through a proxy.

They count clients and statements, and look up rows. They have no default database, so they are not
counted as clients. PyMySQL blocks: it runs in a thread, on a socket that the lab made; shutting
that socket down ends a running query.

Sources: MariaDB, "Information Schema PROCESSLIST Table", "Server Status Variables" (Questions);
PyMySQL's reference.
"""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.model.requests import Found
from chaoslab.services.base import (
    MOST_TABLES,
    NO_LOG_IN,
    OWN_NAME,
    TalkFailed,
    cause_of,
    talking,
)
from chaoslab.services.mysql.driver import pymysql

PORT = 3306
_WITHIN_S = 5.0
T = TypeVar("T")
Row = tuple[Any, ...]
# Only the sessions of this database, since a server may be shared. A user without the privilege
# PROCESS sees only the sessions of that user.
_CLIENTS = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s"
_STATEMENTS = "SHOW GLOBAL STATUS LIKE 'Questions'"
_COLUMN = """
SELECT data_type, character_maximum_length FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s AND column_name = %s
"""
_TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = %s ORDER BY table_name LIMIT %s
"""
NO_COLUMN = ErrorCode(
    "service.no_column",
    "no column {column} in table {table}",
    "The table or the column in which the lab looks for a write is not in the database.",
)


class Session:
    """One connection of the lab without a default database; each statement is committed at once."""

    def __init__(self, connection: pymysql.Connection[Any], sock: socket.socket, url: str) -> None:
        self._connection, self._sock = connection, sock
        self.database = unquote(urlsplit(url).path.strip("/"))

    @classmethod
    async def open(cls, url: str) -> Session:
        """Log in to the server of `url`; returns the session. Raises TalkFailed if that fails."""
        parts = urlsplit(url)
        there = (parts.hostname or "", parts.port or PORT)
        connection = pymysql.connect(
            host=there[0],
            user=unquote(parts.username or ""),
            password=unquote_to_bytes(parts.password or ""),  # the driver takes a text as Latin-1
            program_name=OWN_NAME,
            autocommit=True,
            defer_connect=True,
        )
        with talking(pymysql.Error):
            sock = await asyncio.to_thread(socket.create_connection, there, _WITHIN_S)
        session = cls(connection, sock, url)
        await session._in_time(lambda: connection.connect(sock))
        return session

    async def ask(self, query: str, *values: object) -> list[Row]:
        """All rows of the answer to a query. Waits without a limit. Raises TalkFailed if the
        query fails.
        """
        return await self._run(lambda: _rows(self._connection, query, values))

    async def ask_in_time(self, query: str, *values: object) -> list[Row]:
        """All rows of the answer to a query. Raises TalkFailed if it fails or takes longer than
        5 s.
        """
        return await self._in_time(lambda: _rows(self._connection, query, values))

    async def _in_time(self, work: Callable[[], T]) -> T:
        with talking(pymysql.Error):
            async with asyncio.timeout(_WITHIN_S):
                return await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread, and return its result. If the call is cancelled, the connection
        is ended, and so `work` ends too.
        """
        try:
            with talking(pymysql.Error):
                return await asyncio.to_thread(work)
        except asyncio.CancelledError:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """End the connection at once; a running query then fails."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Close the connection, with the protocol's last message if it is still open."""
        with suppress(pymysql.Error, OSError):
            self._connection.close()


class _Count:
    """One session of the lab that asks for numbers."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.hang_up, self.close = session.hang_up, session.close

    @classmethod
    async def open(cls, url: str) -> Self:
        """Log in to the server of `url`; returns the session. Raises TalkFailed if that fails."""
        return cls(await Session.open(url))


class MysqlClients(_Count):
    """Implements `ServerCount`: counts a server's clients, with the process list of the server."""

    async def count(self) -> int:
        return int((await self._session.ask(_CLIENTS, self._session.database))[0][0])


class MysqlCommands(_Count):
    """Implements `ServerCount`: counts the statements of all clients of the server, the lab's own
    among them, with the status variable Questions.
    """

    async def count(self) -> int:
        return int((await self._session.ask(_STATEMENTS))[0][1])


class MysqlRows:
    """Implements `Rows`, which looks up rows that an app wrote, for MySQL and MariaDB."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.close = session.close

    @classmethod
    async def open(cls, url: str) -> MysqlRows:
        """Log in to the server of `url`; returns the session. Raises TalkFailed if that fails."""
        return cls(await Session.open(url))

    async def found(self, place: Found, ops: Sequence[str]) -> Mapping[str, int]:
        if not ops:
            return {}
        names = (self._session.database, place.table, place.column)
        column = await self._session.ask_in_time(_COLUMN, *names)
        if not column:
            missing = NO_COLUMN(table=place.table, column=place.column)
            raise TalkFailed(Problem(reason=missing))
        # Without a type for UUIDs, apps store the sixteen bytes of one.
        in_bytes = tuple(column[0]) == ("binary", 16)
        known = {uuid.UUID(op).bytes if in_bytes else op: op for op in ops}
        database, table, name = map(_quoted, names)
        query = f"SELECT {name}, COUNT(*) FROM {database}.{table} WHERE {name} IN %s GROUP BY 1"
        rows = await self._session.ask_in_time(query, list(known))
        return {known.get(value, str(value)): int(count) for value, count in rows}


async def tables(url: str) -> tuple[str, ...]:
    """The names of the tables in the database of `url`, at most `MOST_TABLES`. Raises TalkFailed if
    the server does not tell.
    """
    session = await Session.open(url)
    try:
        rows = await session.ask_in_time(_TABLES, session.database, MOST_TABLES)
        return tuple(str(name) for (name,) in rows)
    finally:
        await session.close()


async def about(url: str) -> str:
    """Log in to the server of `url`; returns its product and version.

    Raises RuntimeUnavailable, with the fix, if that fails.
    """
    try:
        session = await Session.open(url)
        try:
            return product(str((await session.ask_in_time("SELECT VERSION()"))[0][0]))
        finally:
            await session.close()
    except TalkFailed as error:
        fix = "put user and password into the URL"
        raise RuntimeUnavailable(
            Problem(reason=NO_LOG_IN(cause=cause_of(error)), fix=fix)
        ) from error


def product(version: str) -> str:
    """The product and version for people, `MariaDB 10.11.6` or `MySQL 8.0.36`, from the
    server's VERSION().
    """
    name = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    return f"{name} {version.partition('-')[0]}"


def _rows(connection: pymysql.Connection[Any], query: str, values: Sequence[object]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"

"""Sessions of the lab's own at MySQL or MariaDB, past every proxy: its clients, and their rows.

They have no default database, and so are not among the clients that are counted. PyMySQL blocks:
it runs in a thread, on a socket of ours, which ends a question when it is shut down.

Sources: MariaDB, "Information Schema PROCESSLIST Table"; PyMySQL's reference.
"""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import WriteContract
from chaoslab.services.base import OWN_NAME, TalkFailed
from chaoslab.services.mysql.driver import pymysql

PORT = 3306
_WITHIN_S = 5.0
T = TypeVar("T")
Row = tuple[Any, ...]
# A server may be shared: this database's only. Without the privilege PROCESS a user is shown the
# sessions of that user alone.
_COUNT = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = %s"
_COLUMN = """
SELECT data_type, character_maximum_length FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s AND column_name = %s
"""


class Session:
    """One connection without a default database; each statement is committed."""

    def __init__(self, connection: pymysql.Connection[Any], sock: socket.socket, url: str) -> None:
        self._connection, self._sock = connection, sock
        self.database = unquote(urlsplit(url).path.strip("/"))

    @classmethod
    async def open(cls, url: str) -> Session:
        """Log in to the server of `url`. Raises TalkFailed."""
        parts = urlsplit(url)
        there = (parts.hostname or "", parts.port or PORT)
        connection = pymysql.connect(
            host=there[0],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            program_name=OWN_NAME,
            autocommit=True,
            defer_connect=True,
        )
        with _talking():
            sock = await asyncio.to_thread(socket.create_connection, there, _WITHIN_S)
        session = cls(connection, sock, url)
        await session._in_time(lambda: connection.connect(sock))
        return session

    async def ask(self, query: str, *values: object) -> list[Row]:
        """All rows of the answer, however long it takes. Raises TalkFailed."""
        return await self._run(lambda: _rows(self._connection, query, values))

    async def ask_in_time(self, query: str, *values: object) -> list[Row]:
        """All rows of the answer. Raises TalkFailed, also where none comes within 5 s."""
        return await self._in_time(lambda: _rows(self._connection, query, values))

    async def _in_time(self, work: Callable[[], T]) -> T:
        with _talking():
            async with asyncio.timeout(_WITHIN_S):
                return await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        """In a thread, which ends with this call also where it is cancelled."""
        try:
            with _talking():
                return await asyncio.to_thread(work)
        except asyncio.CancelledError:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """End the connection, so that a question under way has its end as well."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Say goodbye, where the connection still stands."""
        with suppress(pymysql.Error, OSError):
            self._connection.close()


class MysqlCount:
    """Implements `ClientCount` by the process list."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.hang_up, self.close = session.hang_up, session.close

    @classmethod
    async def open(cls, url: str) -> MysqlCount:
        """Raises TalkFailed."""
        return cls(await Session.open(url))

    async def count(self) -> int:
        return int((await self._session.ask(_COUNT, self._session.database))[0][0])


class MysqlRows:
    """Implements `Rows`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.close = session.close

    @classmethod
    async def open(cls, url: str) -> MysqlRows:
        """Raises TalkFailed."""
        return cls(await Session.open(url))

    async def found(self, contract: WriteContract, ops: Sequence[str]) -> Mapping[str, int]:
        if not ops:
            return {}
        place = (self._session.database, contract.table, contract.id_column)
        column = await self._session.ask_in_time(_COLUMN, *place)
        if not column:
            raise TalkFailed(f"no column {contract.id_column} in table {contract.table}")
        # Sixteen bytes are how a UUID is kept where there is no type of that name.
        in_bytes = tuple(column[0]) == ("binary", 16)
        known = {uuid.UUID(op).bytes if in_bytes else op: op for op in ops}
        database, table, name = map(_quoted, place)
        query = f"SELECT {name}, COUNT(*) FROM {database}.{table} WHERE {name} IN %s GROUP BY 1"
        rows = await self._session.ask_in_time(query, list(known))
        return {known.get(value, str(value)): int(count) for value, count in rows}


async def about(url: str) -> str:
    """Log in, as every look for a write will have to. Raises RuntimeUnavailable."""
    try:
        session = await Session.open(url)
        try:
            return product(str((await session.ask_in_time("SELECT VERSION()"))[0][0]))
        finally:
            await session.close()
    except TalkFailed as error:
        raise RuntimeUnavailable(f"{error}\n  put user and password into the URL") from error


def product(version: str) -> str:
    """`MariaDB 10.11.6` or `MySQL 8.0.36` from the server's own VERSION()."""
    name = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    return f"{name} {version.partition('-')[0]}"


def _rows(connection: pymysql.Connection[Any], query: str, values: Sequence[object]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@contextmanager
def _talking() -> Iterator[None]:
    """Raises TalkFailed for what the driver and the network raise."""
    try:
        yield
    except (pymysql.Error, OSError, TimeoutError) as error:
        raise TalkFailed(f"{type(error).__name__}: {error}") from error

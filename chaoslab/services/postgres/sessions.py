"""The lab's own sessions at PostgreSQL, not through a proxy.

They count clients and transactions, look up rows, and list the sessions that come through a proxy.

Source: PostgreSQL, "The Cumulative Statistics System" (pg_stat_activity, pg_stat_database).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from typing import LiteralString, Self

import psycopg
from psycopg import sql

from chaoslab.errors import Problem, RuntimeUnavailable
from chaoslab.model.requests import Found
from chaoslab.services.base import MOST_TABLES, NO_LOG_IN, OWN_NAME, cause_of, talking

_LOG_IN_S = 5.0
_VIEW_S = 3.0
# Only the sessions of this database, since a server may be shared. An ordinary role sees that a
# session of another role is there, but not more. A canary never logs in, so it has no database.
_CLIENTS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> %s
  AND coalesce(backend_type, 'client backend') = 'client backend'
"""
_TRANSACTIONS = """
SELECT coalesce(sum(xact_commit + xact_rollback), 0)
FROM pg_stat_database WHERE datname = current_database()
"""
_BY_ADDRESS = """
SELECT pid FROM pg_stat_activity
WHERE client_addr = %s::inet AND datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend' AND application_name <> %s
"""
_TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY table_name LIMIT %s
"""
# Types whose values are compared as they are, so that an index on the column can be used. For any
# other type, the id of each row is converted to text.
_AS_THEY_ARE = frozenset({"uuid", "text", "varchar"})


async def _logged_in(url: str) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(url, autocommit=True, application_name=OWN_NAME)


async def about(url: str) -> str:
    """Log in to the server of `url`; returns its product and major version.

    Raises RuntimeUnavailable, with the fix, if that fails.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=int(_LOG_IN_S))
    except psycopg.Error as error:
        fix = "set the password in PGPASSWORD or in ~/.pgpass"
        raise RuntimeUnavailable(
            Problem(reason=NO_LOG_IN(cause=cause_of(error)), fix=fix)
        ) from error
    async with connection:
        return f"PostgreSQL {connection.info.server_version // 10_000}"


async def tables(url: str) -> tuple[str, ...]:
    """The names of the tables in the database of `url`, at most `MOST_TABLES`. Raises TalkFailed if
    the server does not tell.
    """
    with talking(psycopg.Error):
        async with await _logged_in(url) as connection:
            rows = await connection.execute(_TABLES, (MOST_TABLES,))
            return tuple(str(name) for (name,) in await rows.fetchall())


class _Count:
    """Implements `ServerCount` with a query whose answer is one number."""

    query: LiteralString
    parameters: Sequence[str] = ()

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> Self:
        """Log in to the server of `url`; returns the session. Raises TalkFailed if that fails."""
        with talking(psycopg.Error):
            return cls(await _logged_in(url))

    async def count(self) -> int:
        with talking(psycopg.Error):
            row = await (await self._connection.execute(self.query, self.parameters)).fetchone()
        assert row is not None, "an aggregate has one row"
        return int(row[0])

    def hang_up(self) -> None:
        # psycopg would first ask the server to cancel the query: seconds, if the server is paused.
        with (
            talking(psycopg.Error),
            socket.socket(fileno=os.dup(self._connection.fileno())) as same,
        ):
            same.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        await self._connection.close()


class PostgresClients(_Count):
    """Implements `ServerCount`: counts a server's clients, with `pg_stat_activity`."""

    query = _CLIENTS
    parameters = (OWN_NAME,)


class PostgresCommands(_Count):
    """Implements `ServerCount`: counts the transactions of the database, with `pg_stat_database`.

    A statement outside a transaction is one of its own. Those of the lab are among them.
    """

    query = _TRANSACTIONS


class PostgresRows:
    """Implements `Rows`, which looks up rows that an app wrote, for PostgreSQL."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> PostgresRows:
        """Log in to the server of `url`; returns the session. Raises TalkFailed if that fails."""
        with talking(psycopg.Error):
            async with asyncio.timeout(_LOG_IN_S):
                return cls(await _logged_in(url))

    async def found(self, place: Found, ops: Sequence[str]) -> Mapping[str, int]:
        with talking(psycopg.Error):
            async with asyncio.timeout(_LOG_IN_S):
                return await self._found(place, ops)

    async def _found(self, place: Found, ops: Sequence[str]) -> Mapping[str, int]:
        names = {"id": sql.Identifier(place.column), "table": sql.Identifier(place.table)}
        shape = sql.SQL("SELECT {id} FROM {table} LIMIT 0").format(**names)
        first = await self._connection.execute(shape)
        assert first.description is not None
        known = self._connection.adapters.types.get(first.description[0].type_code)
        kind = known.name if known and known.name in _AS_THEY_ARE else ""
        compared = sql.SQL("{id}" if kind else "{id}::text").format(**names)
        query = sql.SQL(
            "SELECT {compared}::text, count(*) FROM {table} "
            "WHERE {compared} = ANY(%s::{kind}[]) GROUP BY 1"
        ).format(compared=compared, kind=sql.SQL(kind or "text"), **names)
        rows = await (await self._connection.execute(query, [list(ops)])).fetchall()
        return {str(op): int(count) for op, count in rows}

    async def close(self) -> None:
        await self._connection.close()


class PostgresView:
    """Implements `ServerView`, which lists the sessions that come through a proxy, with
    `pg_stat_activity`.

    An ordinary role sees only its own sessions. A member of `pg_monitor` sees all sessions.
    """

    def __init__(self, connection: psycopg.AsyncConnection, origin: str) -> None:
        self._connection, self._origin = connection, origin

    @classmethod
    async def open(cls, url: str, proxied: str) -> PostgresView | None:
        """The view of the sessions that come through the proxy at the URL `proxied`.

        None if the server does not report the address of a session. Raises TalkFailed if a log-in
        fails.
        """
        with talking(psycopg.Error):
            async with await _in_time(proxied) as through:
                row = await (await through.execute("SELECT host(inet_client_addr())")).fetchone()
            if row is None or row[0] is None:
                return None
            return cls(await _in_time(url), str(row[0]))

    async def sessions(self) -> tuple[int, ...]:
        with talking(psycopg.Error):
            async with asyncio.timeout(_VIEW_S):
                rows = await self._connection.execute(_BY_ADDRESS, [self._origin, OWN_NAME])
                return tuple(sorted(int(row[0]) for row in await rows.fetchall()))

    async def close(self) -> None:
        await self._connection.close()


async def _in_time(url: str) -> psycopg.AsyncConnection:
    async with asyncio.timeout(_VIEW_S):
        return await psycopg.AsyncConnection.connect(url, autocommit=True)

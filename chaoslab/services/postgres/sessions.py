"""Sessions of the lab's own at PostgreSQL, past every proxy: clients, rows, who comes by a proxy.

Source: PostgreSQL, "The Cumulative Statistics System" (pg_stat_activity).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from chaoslab.errors import RuntimeUnavailable
from chaoslab.model.topology import WriteContract
from chaoslab.services.base import OWN_NAME, TalkFailed

_LOG_IN_S = 5.0
_VIEW_S = 3.0
# A server may be shared: this database's only. What another role's session is, an ordinary role is
# not shown, but that it is there it is. A canary never logs in, and so has no database.
_COUNT = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> %s
  AND coalesce(backend_type, 'client backend') = 'client backend'
"""
_BY_ADDRESS = """
SELECT pid FROM pg_stat_activity
WHERE client_addr = %s::inet AND datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend' AND application_name <> %s
"""
# Types whose values are compared as they are, so that an index on the column serves the look-up.
# Of any other type each row's id is turned into text.
_AS_THEY_ARE = frozenset({"uuid", "text", "varchar"})


@contextmanager
def _talking() -> Iterator[None]:
    """Raises TalkFailed for what the driver and the network raise."""
    try:
        yield
    except (psycopg.Error, OSError, TimeoutError) as error:
        raise TalkFailed(f"{type(error).__name__}: {error}") from error


async def _logged_in(url: str) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(url, autocommit=True, application_name=OWN_NAME)


async def about(url: str) -> str:
    """Log in, as every look for a write will have to. Raises RuntimeUnavailable."""
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=int(_LOG_IN_S))
    except psycopg.Error as error:
        raise RuntimeUnavailable(
            f"{error}\n  set the password in PGPASSWORD or in ~/.pgpass"
        ) from error
    async with connection:
        return f"PostgreSQL {connection.info.server_version // 10_000}"


class PostgresCount:
    """Implements `ClientCount` by `pg_stat_activity`."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> PostgresCount:
        """Raises TalkFailed."""
        with _talking():
            return cls(await _logged_in(url))

    async def count(self) -> int:
        with _talking():
            row = await (await self._connection.execute(_COUNT, [OWN_NAME])).fetchone()
        assert row is not None, "an aggregate has one row"
        return int(row[0])

    def hang_up(self) -> None:
        # A query that is cancelled would be taken back first: seconds, where the server is frozen.
        with _talking(), socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        await self._connection.close()


class PostgresRows:
    """Implements `Rows`."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> PostgresRows:
        """Raises TalkFailed."""
        with _talking():
            async with asyncio.timeout(_LOG_IN_S):
                return cls(await _logged_in(url))

    async def found(self, contract: WriteContract, ops: Sequence[str]) -> Mapping[str, int]:
        with _talking():
            async with asyncio.timeout(_LOG_IN_S):
                return await self._found(contract, ops)

    async def _found(self, contract: WriteContract, ops: Sequence[str]) -> Mapping[str, int]:
        names = {"id": sql.Identifier(contract.id_column), "table": sql.Identifier(contract.table)}
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
    """By `pg_stat_activity`, which shows a role its own sessions, and a monitor everybody's."""

    def __init__(self, connection: psycopg.AsyncConnection, origin: str) -> None:
        self._connection, self._origin = connection, origin

    @classmethod
    async def open(cls, url: str, proxied: str) -> PostgresView | None:
        """None where the server does not show from where a session comes. Raises TalkFailed."""
        with _talking():
            async with await _in_time(proxied) as through:
                row = await (await through.execute("SELECT host(inet_client_addr())")).fetchone()
            if row is None or row[0] is None:
                return None
            return cls(await _in_time(url), str(row[0]))

    async def sessions(self) -> tuple[int, ...]:
        with _talking():
            async with asyncio.timeout(_VIEW_S):
                rows = await self._connection.execute(_BY_ADDRESS, [self._origin, OWN_NAME])
                return tuple(sorted(int(row[0]) for row in await rows.fetchall()))

    async def close(self) -> None:
        await self._connection.close()


async def _in_time(url: str) -> psycopg.AsyncConnection:
    async with asyncio.timeout(_VIEW_S):
        return await psycopg.AsyncConnection.connect(url, autocommit=True)

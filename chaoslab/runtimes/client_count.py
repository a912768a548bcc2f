"""How many clients a server itself counts, asked past every proxy by a session of the lab's own.

Sources: PostgreSQL, "The Cumulative Statistics System" (pg_stat_activity); Redis, CLIENT LIST.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Protocol

import psycopg

from chaoslab.errors import RuntimeUnavailable
from chaoslab.runtimes.base import OWN_NAME, RunningService
from chaoslab.runtimes.redis_talk import RedisTalk, clients_of

# A server may be shared: this database's only. What another role's session is, an ordinary role is
# not shown, but that it is there it is. A canary never logs in, and so has no database.
_COUNT = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> %s
  AND coalesce(backend_type, 'client backend') = 'client backend'
"""
_REPLICATION = frozenset("SM")  # flags of CLIENT LIST: a replica, a primary
FAILURES = (
    psycopg.Error, OSError, TimeoutError, ValueError, KeyError, asyncio.IncompleteReadError,
    RuntimeUnavailable,
)  # fmt: skip


class ClientCount(Protocol):
    """A session with one server; closed at its end."""

    async def count(self) -> int:
        """The clients that are connected now, those with the lab's name left out.

        Raises one of FAILURES; the session is of no use then.
        """

    def hang_up(self) -> None:
        """End the connection, so that a question under way has its end as well."""

    async def close(self) -> None:
        """Let go of the server; while no question is under way."""


async def client_count(service: RunningService) -> ClientCount:
    """Log in to a server. Raises one of FAILURES where it cannot be reached, or not be asked."""
    url = service.url(service.endpoint)
    if service.service.kind == "postgres":
        connect = psycopg.AsyncConnection.connect
        return _Postgres(await connect(url, autocommit=True, application_name=OWN_NAME))
    if not url.startswith("redis://"):
        raise RuntimeUnavailable("TLS is not spoken here")
    return _Redis(await RedisTalk.connect(url, service.endpoint))


class _Postgres:
    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection

    async def count(self) -> int:
        row = await (await self._connection.execute(_COUNT, [OWN_NAME])).fetchone()
        assert row is not None, "an aggregate has one row"
        return int(row[0])

    def hang_up(self) -> None:
        # A query that is cancelled would be taken back first: seconds, where the server is frozen.
        with socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        await self._connection.close()


class _Redis:
    def __init__(self, talk: RedisTalk) -> None:
        self._talk = talk

    async def count(self) -> int:
        clients = clients_of(await self._talk.ask("CLIENT", "LIST"))
        return sum(
            client.get("name") != OWN_NAME and _REPLICATION.isdisjoint(client["flags"])
            for client in clients
        )

    def hang_up(self) -> None:
        self._talk.hang_up()

    async def close(self) -> None:
        await self._talk.close()

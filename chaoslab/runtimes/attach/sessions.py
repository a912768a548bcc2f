"""The sessions of a link as the server itself shows them: who comes from the proxy's address.

Where neither the app's sockets nor the proxy's connections can be seen, an end of its sessions at
the server is what remains to be seen of a fault. The proxy's address is learned by a session of the
lab's own through it; the lab's own sessions bear its name and are left out.
Sources: PostgreSQL, "The Cumulative Statistics System" (pg_stat_activity); Redis, CLIENT LIST.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import psycopg

from chaoslab.machine.endpoint import Endpoint
from chaoslab.runtimes.attach.service import StandingService
from chaoslab.runtimes.base import OWN_NAME
from chaoslab.runtimes.redis_talk import RedisTalk, clients_of

_WITHIN_S = 3.0
_MINE = """
SELECT pid FROM pg_stat_activity
WHERE client_addr = %s::inet AND datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend' AND application_name <> %s
"""
FAILURES = (psycopg.Error, OSError, TimeoutError, ValueError, asyncio.IncompleteReadError)


class ServerView(Protocol):
    """What a server shows of the sessions that come through one proxy; closed at its end."""

    async def sessions(self) -> tuple[int, ...]:
        """The server's own numbers of those that stand now. Raises one of FAILURES."""

    async def close(self) -> None: ...


async def server_view(service: StandingService, proxied: Endpoint) -> ServerView | None:
    """A look at the server; None where it cannot tell who comes through the proxy."""
    opened = PostgresView.open if service.service.kind == "postgres" else RedisView.open
    try:
        return await opened(service, proxied)
    except FAILURES:
        return None


class PostgresView:
    """By `pg_stat_activity`, which shows a role its own sessions, and a monitor everybody's."""

    def __init__(self, connection: psycopg.AsyncConnection, origin: str) -> None:
        self._connection, self._origin = connection, origin

    @classmethod
    async def open(cls, service: StandingService, proxied: Endpoint) -> PostgresView | None:
        """Raises one of FAILURES."""
        async with await _postgres(service.url(proxied)) as through:
            row = await (await through.execute("SELECT host(inet_client_addr())")).fetchone()
        if row is None or row[0] is None:
            return None
        return cls(await _postgres(service.url(service.endpoint)), str(row[0]))

    async def sessions(self) -> tuple[int, ...]:
        async with asyncio.timeout(_WITHIN_S):
            rows = await self._connection.execute(_MINE, [self._origin, OWN_NAME])
            return tuple(sorted(int(row[0]) for row in await rows.fetchall()))

    async def close(self) -> None:
        await self._connection.close()


async def _postgres(url: str) -> psycopg.AsyncConnection:
    async with asyncio.timeout(_WITHIN_S):
        return await psycopg.AsyncConnection.connect(url, autocommit=True)


class RedisView:
    """By `CLIENT LIST`; where it may not be asked, there is no view."""

    def __init__(self, client: RedisTalk, origin: str) -> None:
        self._client, self._origin = client, origin

    @classmethod
    async def open(cls, service: StandingService, proxied: Endpoint) -> RedisView | None:
        """Raises one of FAILURES."""
        url = service.url(service.endpoint)
        if not url.startswith("redis://"):  # TLS is not spoken here
            return None
        async with await RedisTalk.connect(url, proxied) as through:
            me = clients_of(await through.ask("CLIENT", "INFO"))[0]
        return cls(await RedisTalk.connect(url, service.endpoint), _host(me))

    async def sessions(self) -> tuple[int, ...]:
        clients = clients_of(await self._client.ask("CLIENT", "LIST", "TYPE", "normal"))
        return tuple(
            sorted(
                int(client["id"])
                for client in clients
                if _host(client) == self._origin and client.get("name") != OWN_NAME
            )
        )

    async def close(self) -> None:
        await self._client.close()


def _host(client: dict[str, str]) -> str:
    return client["addr"].rpartition(":")[0]

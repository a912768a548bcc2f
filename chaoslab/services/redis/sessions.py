"""The lab's own sessions at Redis or Valkey, not through a proxy: they count and list clients.

Sources: Redis' CLIENT LIST, CLIENT INFO, CLIENT SETNAME.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chaoslab.machine.environment import environment
from chaoslab.services.base import OWN_NAME, talking

_WITHIN_S = 3.0
# ValueError and KeyError: an answer in another format than CLIENT LIST has.
_FAILURES = (redis.RedisError, ValueError, KeyError)
_REPLICATION = frozenset("SM")  # flags of CLIENT LIST: a replica, a primary
_Client = Mapping[str, Any]


async def _logged_in(url: str) -> Redis:
    """A Redis client with one connection, which has the lab's name. It selects no database."""
    parts = urlsplit(url)
    password = unquote(parts.password or "") or environment().get("REDISCLI_AUTH") or None
    client = Redis.from_url(
        parts._replace(path="").geturl(), client_name=OWN_NAME, single_connection_client=True,
        socket_timeout=_WITHIN_S, socket_connect_timeout=_WITHIN_S, protocol=2,
        decode_responses=True, retry=Retry(NoBackoff(), 0), password=password,
    )  # fmt: skip
    try:
        return await client.initialize()
    except BaseException:
        await client.aclose()
        raise


class RedisCount:
    """Implements `ClientCount`, which counts a server's clients, with CLIENT LIST."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._asking: asyncio.Task[Any] | None = None

    @classmethod
    async def open(cls, url: str) -> RedisCount:
        """Log in to the server of `url`; returns the session. Raises TalkFailed if that fails."""
        with talking(*_FAILURES):
            return cls(await _logged_in(url))

    async def count(self) -> int:
        with talking(*_FAILURES):
            self._asking = asyncio.ensure_future(self._client.client_list())
            clients: Sequence[_Client] = await self._asking
            return sum(
                client.get("name") != OWN_NAME and _REPLICATION.isdisjoint(client["flags"])
                for client in clients
            )

    def hang_up(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    async def close(self) -> None:
        await self._client.aclose()


class RedisView:
    """Implements `ServerView`, which lists the sessions that come through a proxy, with CLIENT
    LIST. Its calls raise TalkFailed if the server refuses that command.
    """

    def __init__(self, client: Redis, origin: str) -> None:
        self._client, self._origin = client, origin

    @classmethod
    async def open(cls, url: str, proxied: str) -> RedisView:
        """The view of the sessions that come through the proxy at the URL `proxied`.

        Raises TalkFailed if a log-in fails.
        """
        with talking(*_FAILURES):
            async with await _logged_in(proxied) as through:
                me: _Client = await through.client_info()
            return cls(await _logged_in(url), _host(me))

    async def sessions(self) -> tuple[int, ...]:
        with talking(*_FAILURES):
            clients: Sequence[_Client] = await self._client.client_list(_type="normal")
            return tuple(
                sorted(
                    int(client["id"])
                    for client in clients
                    if _host(client) == self._origin and client.get("name") != OWN_NAME
                )
            )

    async def close(self) -> None:
        await self._client.aclose()


def _host(client: _Client) -> str:
    return str(client["addr"]).rpartition(":")[0]

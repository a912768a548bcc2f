"""The lab's own sessions at Redis or Valkey, not through a proxy.

They count and list clients, count commands, and look up what an app wrote.

Sources: Redis' CLIENT LIST, CLIENT INFO, CLIENT SETNAME, INFO, TYPE, EXISTS, and the commands that
read a list, set, sorted set, hash or stream.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chaoslab.machine.environment import environment
from chaoslab.model.placeholders import fill, names_in
from chaoslab.model.requests import ID, Found
from chaoslab.services.base import OWN_NAME, talking

_WITHIN_S = 3.0
_MOST_ENTRIES = 100_000
# ValueError and KeyError: an answer in another format than CLIENT LIST has.
_FAILURES = (redis.RedisError, ValueError, KeyError)
# With the subcommand behind a bar in newer servers; COMMAND and others begin differently.
_OWN_COMMANDS = ("cmdstat_client", "cmdstat_info")
_REPLICATION = frozenset("SM")  # flags of CLIENT LIST: a replica, a primary
_Client = Mapping[str, Any]


async def _logged_in(url: str, *, own_database: bool = False) -> Redis:
    """A Redis client with one connection, which has the lab's name. It selects no database, or the
    one that the URL names.
    """
    parts = urlsplit(url)
    path = parts.path if own_database else ""
    password = unquote(parts.password or "") or environment().get("REDISCLI_AUTH") or None
    client = Redis.from_url(
        parts._replace(path=path).geturl(), client_name=OWN_NAME, single_connection_client=True,
        socket_timeout=_WITHIN_S, socket_connect_timeout=_WITHIN_S, protocol=2,
        decode_responses=True, retry=Retry(NoBackoff(), 0), password=password,
    )  # fmt: skip
    try:
        return await client.initialize()
    except BaseException:
        await client.aclose()
        raise


class _Session:
    """One session of the lab, with at most one question under way."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._asking: asyncio.Task[Any] | None = None

    @classmethod
    async def open(cls, url: str) -> Self:
        """Log in to the server of `url`; returns the session. Raises TalkFailed if that fails."""
        with talking(*_FAILURES):
            return cls(await _logged_in(url))

    async def _ask(self, question: Awaitable[Any]) -> Any:
        self._asking = asyncio.ensure_future(question)
        return await self._asking

    def hang_up(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    async def close(self) -> None:
        await self._client.aclose()


class RedisClients(_Session):
    """Implements `ServerCount`: counts a server's clients, with CLIENT LIST."""

    async def count(self) -> int:
        with talking(*_FAILURES):
            clients: Sequence[_Client] = await self._ask(self._client.client_list())
            return sum(
                client.get("name") != OWN_NAME and _REPLICATION.isdisjoint(client["flags"])
                for client in clients
            )


class RedisCommands(_Session):
    """Implements `ServerCount`: counts the commands of all clients, with INFO commandstats.

    Commands that the server refused before it carried them out count too. INFO and CLIENT do not:
    the lab sends them itself.
    """

    async def count(self) -> int:
        with talking(*_FAILURES):
            stats: Mapping[str, _Client] = await self._ask(self._client.info("commandstats"))
            return sum(
                int(of["calls"]) + int(of.get("rejected_calls", 0))
                for name, of in stats.items()
                if not name.startswith(_OWN_COMMANDS)
            )


class RedisRows:
    """Implements `Rows`, which looks up what an app wrote, for Redis: by the name of a key.

    A name with `{id}` is that of a key for each id, which is there or not. Any other name is that
    of one key with many ids: an id is there as often as it is in an element of a list, a member of
    a set or sorted set, a pair of a hash, or an entry of a stream. Of a list or stream only the
    newest 100,000 entries are read.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    @classmethod
    async def open(cls, url: str) -> RedisRows:
        """Log in to the server of `url`; returns the session. Raises TalkFailed if that fails."""
        with talking(*_FAILURES):
            return cls(await _logged_in(url, own_database=True))

    async def found(self, place: Found, ops: Sequence[str]) -> Mapping[str, int]:
        with talking(*_FAILURES):
            if "id" in names_in(place.key):
                return await self._keys(place.key, ops)
            entries = await self._entries(fill(place.key, {}))
            often = Counter(op for text in entries for op in set(ID.findall(text)))
            return {op: often[op] for op in ops if op in often}

    async def _keys(self, key: str, ops: Sequence[str]) -> Mapping[str, int]:
        async with self._client.pipeline(transaction=False) as pipe:
            for op in ops:
                pipe.exists(fill(key, {"id": op}))
            return {op: 1 for op, count in zip(ops, await pipe.execute(), strict=True) if count}

    async def _entries(self, key: str) -> Iterable[str]:
        client: Any = self._client  # its types leave open what `decode_responses` decides
        kind = await client.type(key)
        if kind == "none":
            return ()
        if kind == "list":
            return cast("list[str]", await client.lrange(key, -_MOST_ENTRIES, -1))
        if kind == "set":
            return cast("set[str]", await client.smembers(key))
        if kind == "zset":
            return cast("list[str]", await client.zrange(key, 0, -1))
        if kind == "hash":
            return map(" ".join, (await client.hgetall(key)).items())
        if kind == "stream":
            newest = await client.xrevrange(key, count=_MOST_ENTRIES)
            return (" ".join(values.values()) for _, values in newest)
        raise redis.ResponseError(f"{key} is a {kind}, in which the lab finds nothing")

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

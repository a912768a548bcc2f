"""Redis in containers: of the lab's own, and in a Compose stack that others may use too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaoslab.errors import ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST
from chaoslab.services.base import ContainerAccess
from chaoslab.services.redis import local

PORT = 6379
_TALK_S = 5.0
# From the far end: an app's own are the first ones.
_DATABASES = range(15, 0, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Redis with an append-only file, so that a restart finds the same data; emptied per lab."""

    port: int = PORT
    command: tuple[str, ...] = (
        *("redis-server", "--save", "", "--appendonly", "yes"),
        *("--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"),
    )
    env: Mapping[str, str] = field(default_factory=dict)

    async def answers(self, port: int) -> bool:
        """PING answered by PONG."""
        return await local.answers(port)

    def prepare(self, access: ContainerAccess) -> str:
        """Read which product it is."""
        with _talk(access.port) as talk:
            return _product(talk)

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Empty it."""
        del lab
        with _talk(access.port) as talk:
            talk.flushall()

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """The next lab empties it."""

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """Its first database."""
        del lab
        return f"redis://{endpoint}/0"


class StackRedis:
    """Redis of which a lab uses one numbered database that was empty; the others are not touched.

    What Redis has once for all of its databases (channels, settings) is shared.
    """

    port = PORT
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.number = 0

    async def answers(self, port: int) -> bool:
        """PING answered by PONG."""
        return await local.answers(port)

    def prepare(self, access: ContainerAccess) -> str:
        """Read which product it is."""
        with _talk(access.port, stack=True) as talk:
            return _product(talk)

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Choose a database, once; see that it is empty, before each lab."""
        del lab
        if not self.number:
            self._choose(access.port)
        elif not _is_empty(access.port, self.number):
            raise ServiceFailed(
                f"{_where(access.port, stack=True)}: database {self.number}, which was "
                "empty and which the lab uses, contains keys of another client\n"
                "  expected no other client while the lab runs; no key was removed"
            )

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Empty the lab's database."""
        del lab
        if self.number:
            with _talk(access.port, self.number, stack=True) as talk:
                talk.flushdb()

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The lab's numbered database."""
        del lab
        return f"redis://{endpoint}/{self.number}"

    def _choose(self, port: int) -> None:
        """Settle on an empty database. Raises ServiceFailed where there is none."""
        with _talk(port, stack=True) as talk:
            talk.ping()
        self.number = next((n for n in _DATABASES if _is_empty(port, n)), 0)
        if not self.number:
            raise ServiceFailed(
                f"{_where(port, stack=True)}: every database from "
                f"{min(_DATABASES)} to {max(_DATABASES)} holds keys\n  the lab needs an empty one "
                "and deletes no keys of others; `redis-cli -n 15 FLUSHDB` empties one that you "
                "do not need"
            )


def _is_empty(port: int, number: int) -> bool:
    try:
        with _talk(port, number, stack=True) as talk:
            return talk.dbsize() == 0
    except ServiceFailed:  # it may have fewer databases
        return False


def _product(talk: redis.Redis) -> str:
    about = talk.info("server")
    if "valkey_version" in about:
        return f"Valkey {about['valkey_version']}"
    return f"Redis {about.get('redis_version', '?')}"


@contextmanager
def _talk(port: int, number: int = 0, *, stack: bool = False) -> Iterator[redis.Redis]:
    """Raises ServiceFailed where the server answers an error, or not at all."""
    talk = redis.Redis(
        host=HOST, port=port, db=number, socket_timeout=_TALK_S, socket_connect_timeout=_TALK_S,
        protocol=2, decode_responses=True, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    try:
        yield talk
    except redis.RedisError as error:
        raise ServiceFailed(f"{_where(port, stack=stack)}: {error}") from error
    finally:
        talk.close()


def _where(port: int, *, stack: bool) -> str:
    return f"redis {'of the Compose stack ' if stack else ''}at {HOST}:{port}"

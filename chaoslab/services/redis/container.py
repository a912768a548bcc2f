"""Redis in containers: the lab's own, and in a Compose stack that others may use too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaoslab.errors import ErrorCode, Problem, ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST
from chaoslab.model.topology import Service
from chaoslab.services.base import SERVER_ERROR, ContainerAccess, cause_of
from chaoslab.services.redis import local
from chaoslab.services.redis.keys import RedisKeys, keys_of, url_of

PORT = 6379
_CONFIG = "CHAOSLAB_REDIS_CONFIG"
# In a file that only the server's user can read, not on a command line.
_CONFIGURED = (
    f'umask 077; printf %s "${_CONFIG}" > /tmp/redis.conf; unset {_CONFIG}; '
    'program=$0; exec "$program" /tmp/redis.conf "$@"'
)
_TALK_S = 5.0
# From the last one: apps use the first ones.
_DATABASES = range(15, 0, -1)
DATABASE_NOT_EMPTY = ErrorCode(
    "service.database_not_empty",
    "database {number}, which was empty and which the lab uses, contains keys of another client",
    "Another client has written into the numbered Redis database that the lab had chosen.",
)
NO_EMPTY_DATABASE = ErrorCode(
    "service.no_empty_database",
    "every database from {first} to {last} contains keys",
    "The lab needs an empty numbered database of Redis, and there is none.",
)


def own_server(service: Service) -> RedisServer:
    """The server for the lab's own container, with what the service declares."""
    return RedisServer(keys=keys_of(service))


def stack_server(service: Service, env: Mapping[str, str]) -> StackRedis:
    """The server of a Compose stack, whose password the service declares. The environment
    variables of its container are not used.
    """
    del env
    return StackRedis(keys_of(service))


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Redis in the lab's own container. It is emptied for each lab.

    It has an append-only file, so that its data outlive a kill.
    """

    keys: RedisKeys = field(default_factory=RedisKeys)
    port: int = PORT

    @property
    def command(self) -> tuple[str, ...]:
        """The command of the container. With a password, a shell first writes the configuration."""
        options = (
            *("redis-server", "--save", "", "--appendonly", "yes"),
            *("--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"),
        )
        return ("sh", "-c", _CONFIGURED, *options) if self.keys.config else options

    @property
    def env(self) -> Mapping[str, str]:
        """The variables of the container: its configuration, if it has one."""
        return {_CONFIG: self.keys.config} if self.keys.config else {}

    async def answers(self, port: int) -> bool:
        """Whether the server answers PING with PONG."""
        return await local.answers(port, self.keys.password)

    def prepare(self, access: ContainerAccess) -> str:
        """The product and version of the server, which the lab reads from it."""
        with _session(access.port, self.keys) as session:
            return _product(session)

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Delete all keys of the server."""
        del lab
        with _session(access.port, self.keys) as session:
            session.flushall()

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Do nothing: `fresh` of the next lab deletes the keys."""

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of database 0, which every lab uses, through `endpoint`."""
        del lab
        return url_of(self.keys, endpoint)


class StackRedis:
    """Redis of a Compose stack: a lab uses one numbered database that was empty, and no other.

    What Redis has only once for all of its databases (channels, settings) is shared.
    """

    port = PORT
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}

    def __init__(self, keys: RedisKeys) -> None:
        self._keys, self.number = keys, 0

    async def answers(self, port: int) -> bool:
        """Whether the server answers PING with PONG."""
        return await local.answers(port, self._keys.password)

    def prepare(self, access: ContainerAccess) -> str:
        """The product and version of the server, which the lab reads from it."""
        with _session(access.port, self._keys, stack=True) as session:
            return _product(session)

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """For the first lab, choose an empty numbered database. For each later lab, check that this
        database is empty.

        Raises ServiceFailed if no database is empty, or if the chosen one is not.
        """
        del lab
        if not self.number:
            self._choose(access.port)
        elif not _is_empty(access.port, self._keys, self.number):
            raise ServiceFailed(
                Problem(
                    reason=DATABASE_NOT_EMPTY(number=self.number),
                    where=_where(access.port, stack=True),
                    expected="no other client while the lab runs; no key was removed",
                )
            )

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Delete all keys in the lab's numbered database."""
        del lab
        if self.number:
            with _session(access.port, self._keys, self.number, stack=True) as session:
                session.flushdb()

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of the lab's numbered database through `endpoint`."""
        del lab
        return url_of(self._keys, endpoint, self.number)

    def _choose(self, port: int) -> None:
        """Choose an empty numbered database for the labs. Raises ServiceFailed if there is none."""
        with _session(port, self._keys, stack=True) as session:
            session.ping()
        self.number = next((n for n in _DATABASES if _is_empty(port, self._keys, n)), 0)
        if not self.number:
            raise ServiceFailed(
                Problem(
                    reason=NO_EMPTY_DATABASE(first=min(_DATABASES), last=max(_DATABASES)),
                    where=_where(port, stack=True),
                    expected="an empty one: the lab deletes no keys of others",
                    fix="`redis-cli -n 15 FLUSHDB` empties one that you do not need",
                )
            )


def _is_empty(port: int, keys: RedisKeys, number: int) -> bool:
    try:
        with _session(port, keys, number, stack=True) as session:
            return session.dbsize() == 0
    except ServiceFailed:  # it may have fewer databases
        return False


def _product(session: redis.Redis) -> str:
    about = session.info("server")
    if "valkey_version" in about:
        return f"Valkey {about['valkey_version']}"
    return f"Redis {about.get('redis_version', '?')}"


@contextmanager
def _session(
    port: int, keys: RedisKeys, number: int = 0, *, stack: bool = False
) -> Iterator[redis.Redis]:
    """A client of the server's database `number`, for the `with` block. It logs in if `keys` has a
    password. `stack` is whether the server is part of a Compose stack, for the error.

    Raises ServiceFailed if the server gives no answer, or an error.
    """
    session = redis.Redis(
        host=HOST, port=port, db=number, password=keys.password or None,
        socket_timeout=_TALK_S, socket_connect_timeout=_TALK_S,
        protocol=2, decode_responses=True, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    try:
        yield session
    except redis.RedisError as error:
        problem = Problem(
            reason=SERVER_ERROR(cause=cause_of(error)), where=_where(port, stack=stack)
        )
        raise ServiceFailed(problem) from error
    finally:
        session.close()


def _where(port: int, *, stack: bool) -> str:
    return f"redis {'of the Compose stack ' if stack else ''}at {HOST}:{port}"

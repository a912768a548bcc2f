"""PostgreSQL in containers: the lab's own, and in a Compose stack that others may use too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from psycopg import sql

from chaoslab.errors import Problem, ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST
from chaoslab.model.topology import Service
from chaoslab.services.base import SERVER_ERROR, ContainerAccess, cause_of
from chaoslab.services.keys import OWN
from chaoslab.services.postgres import local
from chaoslab.services.postgres.extensions import check_extensions, not_created
from chaoslab.services.postgres.keys import (
    SUPERUSER,
    PostgresKeys,
    create_extension,
    keys_of,
)
from chaoslab.services.urls import log_in

PORT = 5432
_TALK_S = 5.0
_ANSWER_S = 2.0
# Only a crash of the machine loses data with these, never a crash of the server; starts are faster.
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
}
_AVAILABLE = "SELECT name FROM pg_available_extensions"
_Connection = psycopg.Connection[tuple[object, ...]]


def own_server(service: Service) -> PostgresServer:
    """The server for the lab's own container, with the lab's options and what the service
    declares.
    """
    return PostgresServer(keys=keys_of(service), where=f"services.{service.name}")


def stack_server(service: Service, env: Mapping[str, str]) -> StackPostgres:
    """The server of a Compose stack; its container's environment variables name its user."""
    extensions = Extensions(
        names=tuple(keys_of(service).extensions), where=f"services.{service.name}.extensions"
    )
    return StackPostgres(env, extensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """The extensions that a service declares, and the place of the key in the topology."""

    names: tuple[str, ...]
    where: str

    def check(self, connection: _Connection, server: str) -> None:
        """Raise RuntimeUnavailable if the server lacks one. `server` is its product and version."""
        if self.names:
            available = [str(name) for (name,) in connection.execute(_AVAILABLE)]
            fix = "use an image that has it: `postgres` in [images], or that of the Compose file"
            check_extensions(self.names, available, server=server, where=self.where, fix=fix)

    def create(self, connection: _Connection) -> None:
        """Create them in the database of the connection. Raises RuntimeUnavailable if the server
        refuses.
        """
        for name in self.names:
            try:
                connection.execute(create_extension(name).encode())
            except psycopg.DatabaseError as error:
                raise not_created(
                    name, server=_version(connection), where=self.where, cause=cause_of(error)
                ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """PostgreSQL in the lab's own container, as the official image starts it.

    Each lab has its own database; it has the declared name, or else the name of the lab.
    """

    keys: PostgresKeys
    where: str
    port: int = PORT
    command: tuple[str, ...] = (
        "postgres",
        *(word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")),
    )

    @property
    def env(self) -> Mapping[str, str]:
        """The variables of the container: the superuser, and how clients log in."""
        # Trust: it is reachable from loopback and from the proxy only, and hashing a password is
        # slow.
        method = "scram-sha-256" if self.keys.checks_password else "trust"
        return {
            "POSTGRES_USER": SUPERUSER,
            "POSTGRES_PASSWORD": OWN,
            "POSTGRES_HOST_AUTH_METHOD": method,
            "POSTGRES_INITDB_ARGS": "--no-sync",
        }

    @property
    def extensions(self) -> Extensions:
        """The declared extensions."""
        return Extensions(names=tuple(self.keys.extensions), where=f"{self.where}.extensions")

    async def answers(self, port: int) -> bool:
        """Whether the server accepts a session and answers `SELECT 1`, or asks for a password."""
        return await local.answers(port)

    def prepare(self, access: ContainerAccess) -> str:
        """Create the user that owns the database of each lab; returns the product and version.

        Raises RuntimeUnavailable if the server lacks an extension.
        """
        with _admin(access.port) as connection:
            version = _version(connection)
            self.extensions.check(connection, version)
            connection.execute("SET password_encryption = 'scram-sha-256'")
            connection.execute(self.keys.role.encode())
            return version

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Create the lab's database with the declared extensions; a database of the same name is
        dropped first.
        """
        database = self._database(lab)
        with _admin(access.port) as connection:
            _drop(connection, database)
            make = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(
                make.format(sql.Identifier(database), sql.Identifier(self.keys.user))
            )
        if self.keys.extensions:
            with _admin(access.port, database) as connection:
                self.extensions.create(connection)

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Drop the lab's database."""
        with _admin(access.port) as connection:
            _drop(connection, self._database(lab))

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of the lab's database through `endpoint`, for the declared user.

        The user owns the database and is no superuser.
        """
        return local.url_of(self.keys, endpoint, self._database(lab))

    def _database(self, lab: str) -> str:
        """The name of the lab's database. The server is used by one lab at a time, so all of them
        can have the declared name.
        """
        return self.keys.database if "database" in self.keys.model_fields_set else lab


class StackPostgres:
    """PostgreSQL of a Compose stack, with the credentials in its container's variables
    POSTGRES_USER and POSTGRES_PASSWORD.

    Each lab has its own database, which that user owns, with the extensions that the service
    declares.
    """

    port = PORT
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}

    def __init__(self, env: Mapping[str, str], extensions: Extensions) -> None:
        user = env.get("POSTGRES_USER") or "postgres"
        self._who = log_in(user, env.get("POSTGRES_PASSWORD", ""))
        self._home = quote(env.get("POSTGRES_DB") or user, safe="")
        self._extensions = extensions

    async def answers(self, port: int) -> bool:
        """Whether the server accepts a session, or refuses the credentials.

        If it refuses them, `prepare` then raises the error.
        """
        url = self.url(Endpoint(host=HOST, port=port), self._home)
        try:
            async with asyncio.timeout(_ANSWER_S):
                async with await psycopg.AsyncConnection.connect(url) as connection:
                    await connection.execute("SELECT 1")
        except TimeoutError:
            return False
        except psycopg.OperationalError as error:
            return "authentication failed" in str(error)
        return True

    def prepare(self, access: ContainerAccess) -> str:
        """Log in as the stack's own user; returns the product and version.

        Raises RuntimeUnavailable if the server lacks an extension.
        """
        with self._admin(access.port) as connection:
            version = _version(connection)
            self._extensions.check(connection, version)
            return version

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Create the lab's database; a database of the same name is dropped first."""
        with self._admin(access.port) as connection:
            _drop(connection, lab)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(lab)))
        if self._extensions.names:
            with self._admin(access.port, lab) as connection:
                self._extensions.create(connection)

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Drop the lab's database."""
        with self._admin(access.port) as connection:
            _drop(connection, lab)

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of the lab's database through `endpoint`, for the stack's own user."""
        return f"postgresql://{self._who}@{endpoint}/{lab}?sslmode=disable"

    def _admin(self, port: int, database: str = "") -> _Connection:
        url = self.url(Endpoint(host=HOST, port=port), database or self._home)
        try:
            return psycopg.connect(url, autocommit=True, connect_timeout=int(_TALK_S))
        except psycopg.OperationalError as error:
            problem = Problem(
                reason=SERVER_ERROR(cause=cause_of(error)),
                where=f"postgres of the Compose stack at {HOST}:{port}",
                expected="that the user of its container's POSTGRES_USER and POSTGRES_PASSWORD can "
                "log in and create databases",
            )
            raise ServiceFailed(problem) from error


@contextmanager
def _admin(port: int, database: str = "postgres") -> Iterator[_Connection]:
    """A connection of the superuser to a database of the server at `port`, for the `with` block.

    Raises ServiceFailed if the server gives no answer, or an error.
    """
    where = f"{HOST}:{port}/{quote(database, safe='')}"
    url = f"postgresql://{log_in(SUPERUSER, OWN)}@{where}?sslmode=disable"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=int(_TALK_S)) as connection:
            yield connection
    except psycopg.OperationalError as error:
        problem = Problem(
            reason=SERVER_ERROR(cause=cause_of(error)), where=f"postgres at {HOST}:{port}"
        )
        raise ServiceFailed(problem) from error


def _version(connection: _Connection) -> str:
    number = connection.execute("SHOW server_version").fetchone()
    return f"PostgreSQL {str(number[0]).split()[0] if number else '?'}"


def _drop(connection: _Connection, database: str) -> None:
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    connection.execute(drop.format(sql.Identifier(database)))

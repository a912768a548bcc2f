"""PostgreSQL in containers: the lab's own, and in a Compose stack that others may use too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from psycopg import sql

from chaoslab.errors import Problem, ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST
from chaoslab.model.topology import Service
from chaoslab.services.base import SERVER_ERROR, ContainerAccess, cause_of
from chaoslab.services.postgres import local

PORT = 5432
ROLE = "chaoslab"
_TALK_S = 5.0
_ANSWER_S = 2.0
# Only a crash of the machine loses data with these, never a crash of the server; starts are faster.
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
}
_Connection = psycopg.Connection[tuple[object, ...]]


def own_server(service: Service) -> PostgresServer:
    """The server for the lab's own container, with the lab's options and role."""
    del service
    return PostgresServer()


def stack_server(service: Service, env: Mapping[str, str]) -> StackPostgres:
    """The server of a Compose stack; its container's environment variables name its user."""
    del service
    return StackPostgres(env)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """PostgreSQL in the lab's own container, as the official image starts it.

    Each lab has its own database.
    """

    port: int = PORT
    command: tuple[str, ...] = (
        "postgres",
        *(word for name, value in _OPTIONS.items() for word in ("-c", f"{name}={value}")),
    )
    # Trust: it is reachable from loopback and from the proxy only, and hashing a password is slow.
    env: Mapping[str, str] = field(
        default_factory=lambda: {
            "POSTGRES_USER": "postgres",
            "POSTGRES_HOST_AUTH_METHOD": "trust",
            "POSTGRES_INITDB_ARGS": "--no-sync",
        }
    )

    async def answers(self, port: int) -> bool:
        """Whether the server accepts a session and answers `SELECT 1`."""
        return await local.answers(port)

    def prepare(self, access: ContainerAccess) -> str:
        """Create the role that owns the database of each lab; returns the product and version."""
        with _admin(access.port) as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}'")
            return _version(connection)

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Create the lab's database; a database of the same name is dropped first."""
        with _admin(access.port) as connection:
            _drop(connection, lab)
            make = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(make.format(sql.Identifier(lab), sql.Identifier(ROLE)))

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Drop the lab's database."""
        with _admin(access.port) as connection:
            _drop(connection, lab)

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of the lab's database through `endpoint`, for the role `chaoslab`.

        The role owns the database and is no superuser.
        """
        return f"postgresql://{ROLE}:{ROLE}@{endpoint}/{lab}?sslmode=disable"


class StackPostgres:
    """PostgreSQL of a Compose stack, with the credentials in its container's variables
    POSTGRES_USER and POSTGRES_PASSWORD.

    Each lab has its own database, which that user owns.
    """

    port = PORT
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = {}

    def __init__(self, env: Mapping[str, str]) -> None:
        user = env.get("POSTGRES_USER") or "postgres"
        password = env.get("POSTGRES_PASSWORD", "")
        self._who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        self._home = quote(env.get("POSTGRES_DB") or user, safe="")

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
        """Log in as the stack's own user; returns the product and version."""
        with self._admin(access.port) as connection:
            return _version(connection)

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Create the lab's database; a database of the same name is dropped first."""
        with self._admin(access.port) as connection:
            _drop(connection, lab)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(lab)))

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Drop the lab's database."""
        with self._admin(access.port) as connection:
            _drop(connection, lab)

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of the lab's database through `endpoint`, for the stack's own user."""
        return f"postgresql://{self._who}@{endpoint}/{lab}?sslmode=disable"

    def _admin(self, port: int) -> _Connection:
        url = self.url(Endpoint(host=HOST, port=port), self._home)
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
def _admin(port: int) -> Iterator[_Connection]:
    """A connection of the superuser to the server at `port`, for the `with` block.

    Raises ServiceFailed if the server gives no answer, or an error.
    """
    url = f"postgresql://postgres@{HOST}:{port}/postgres?sslmode=disable"
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

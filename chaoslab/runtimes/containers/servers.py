"""What differs between services in containers: how each is started, filled for a lab, and named."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import psycopg
from psycopg import sql

from chaoslab.errors import ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.runtimes.local.protocols import postgres_answers, redis_answers

ROLE = "chaoslab"
_TALK_S = 5.0
# Only a crash of the machine could lose data by it, never one of the server; starts are faster.
_POSTGRES_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
}


class Server(Protocol):
    """One kind of server."""

    @property
    def port(self) -> int:
        """Where it listens inside its container."""

    @property
    def command(self) -> tuple[str, ...]:
        """How its image is told to start it."""

    @property
    def env(self) -> dict[str, str]:
        """What its image is told by its environment."""

    async def answers(self, port: int) -> bool:
        """Whether it answers its own protocol at that port of loopback."""

    def prepare(self, port: int) -> str:
        """Once, when it first answers; returns its product and version. Blocks."""

    def fresh(self, port: int, lab: str) -> None:
        """Have an empty place of a lab's own. Blocks."""

    def clear(self, port: int, lab: str) -> None:
        """Take the lab's place away, whoever is connected to it. Blocks."""

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The connection URL of the lab's place, through that address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """PostgreSQL as the official image starts it; each lab has a database of its own."""

    port: int = 5432
    command: tuple[str, ...] = (
        "postgres",
        *(word for name, value in _POSTGRES_OPTIONS.items() for word in ("-c", f"{name}={value}")),
    )
    # Trust: it is reachable from loopback and from the proxy only, and hashing takes its time.
    env: dict[str, str] = field(
        default_factory=lambda: {
            "POSTGRES_USER": "postgres",
            "POSTGRES_HOST_AUTH_METHOD": "trust",
            "POSTGRES_INITDB_ARGS": "--no-sync",
        }
    )

    async def answers(self, port: int) -> bool:
        """A session accepted and `SELECT 1` answered."""
        return await postgres_answers(port)

    def prepare(self, port: int) -> str:
        """Make the role that owns every lab's database."""
        with _admin(port) as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}'")
            number = connection.execute("SHOW server_version").fetchone()
        return f"PostgreSQL {str(number[0]).split()[0] if number else '?'}"

    def fresh(self, port: int, lab: str) -> None:
        """A new database; one of that name is dropped."""
        self.clear(port, lab)
        with _admin(port) as connection:
            make = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(make.format(sql.Identifier(lab), sql.Identifier(ROLE)))

    def clear(self, port: int, lab: str) -> None:
        """Drop the lab's database."""
        with _admin(port) as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(lab)))

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """As the role `chaoslab`, which owns the database and is no superuser."""
        return f"postgresql://{ROLE}:{ROLE}@{endpoint}/{lab}?sslmode=disable"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Redis with an append-only file, so that a restart finds the same data; emptied per lab."""

    port: int = 6379
    command: tuple[str, ...] = (
        *("redis-server", "--save", "", "--appendonly", "yes"),
        *("--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"),
    )
    env: dict[str, str] = field(default_factory=dict)

    async def answers(self, port: int) -> bool:
        """PING answered by PONG."""
        return await redis_answers(port)

    def prepare(self, port: int) -> str:
        """Read which product it is."""
        said = dict(
            line.split(":", 1)
            for line in _redis(port, "INFO", "server").splitlines()
            if ":" in line
        )
        if "valkey_version" in said:
            return f"Valkey {said['valkey_version']}"
        return f"Redis {said.get('redis_version', '?')}"

    def fresh(self, port: int, lab: str) -> None:
        """Empty it."""
        del lab
        _redis(port, "FLUSHALL")

    def clear(self, port: int, lab: str) -> None:
        """The next lab empties it."""

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """Its first database."""
        del lab
        return f"redis://{endpoint}/0"


SERVERS: dict[str, Server] = {"postgres": PostgresServer(), "redis": RedisServer()}


@contextmanager
def _admin(port: int) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Raises ServiceFailed where it does not answer, or breaks off."""
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=int(_TALK_S)) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise ServiceFailed(f"postgres at 127.0.0.1:{port}: {error}") from error


def _redis(port: int, *words: str) -> str:
    """One command in the server's own protocol; the answer's text without its first byte.

    Raises ServiceFailed where the server answers an error, or not at all. Source: Redis' RESP
    specification.
    """
    asked = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    try:
        with socket.create_connection(("127.0.0.1", port), _TALK_S) as talk:
            talk.sendall(f"*{len(words)}\r\n{asked}".encode())
            with talk.makefile("rb") as answers:
                head = answers.readline().decode().rstrip()
                if head.startswith("$"):
                    return answers.read(int(head[1:])).decode(errors="replace")
    except OSError as error:
        raise ServiceFailed(f"redis at 127.0.0.1:{port}: {words[0]}: {error}") from error
    if not head.startswith("+"):
        raise ServiceFailed(f"redis: {words[0]}: expected OK, got {head or 'no answer'}")
    return head[1:]

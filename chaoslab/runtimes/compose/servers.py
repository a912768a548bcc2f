"""The servers of a Compose stack: they keep the settings and credentials of the file.

A volume of the file may be external, or a folder of the user's. So a lab has a database of its own
in each server, and removes nothing else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from chaoslab.errors import ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.topology import ServiceKind
from chaoslab.runtimes.containers.engine import HOST
from chaoslab.runtimes.containers.servers import Server
from chaoslab.runtimes.local.protocols import redis_answers

if TYPE_CHECKING:
    from collections.abc import Sequence

_TALK_S = 5.0
_ANSWER_S = 2.0
# From the far end: an app's own are the first ones.
_DATABASES = range(15, 0, -1)


def server_of(kind: ServiceKind, env: Mapping[str, str]) -> Server:
    """A server by its kind, and by what its container is told by the environment."""
    return StackPostgres(env) if kind == "postgres" else StackRedis()


class StackPostgres:
    """PostgreSQL with the credentials that its container has (POSTGRES_USER, POSTGRES_PASSWORD).

    Each lab has a database of its own, which that user owns.
    """

    port = 5432
    command: tuple[str, ...] = ()

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env: dict[str, str] = {}
        user = env.get("POSTGRES_USER") or "postgres"
        password = env.get("POSTGRES_PASSWORD", "")
        self._who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        self._home = quote(env.get("POSTGRES_DB") or user, safe="")

    async def answers(self, port: int) -> bool:
        """A session accepted; refused credentials are an answer too, and told by `prepare`."""
        url = self._url(Endpoint(host=HOST, port=port), self._home)
        try:
            async with asyncio.timeout(_ANSWER_S):
                async with await psycopg.AsyncConnection.connect(url) as connection:
                    await connection.execute("SELECT 1")
        except TimeoutError:
            return False
        except psycopg.OperationalError as error:
            return "authentication failed" in str(error)
        return True

    def prepare(self, port: int) -> str:
        """Read its version."""
        with self._admin(port) as connection:
            number = connection.execute("SHOW server_version").fetchone()
        return f"PostgreSQL {str(number[0]).split()[0] if number else '?'}"

    def fresh(self, port: int, lab: str) -> None:
        """A new database; one of that name is dropped."""
        self.clear(port, lab)
        with self._admin(port) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(lab)))

    def clear(self, port: int, lab: str) -> None:
        """Drop the lab's database."""
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with self._admin(port) as connection:
            connection.execute(drop.format(sql.Identifier(lab)))

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """As the stack's own user, in the lab's database."""
        return self._url(endpoint, lab)

    def _url(self, endpoint: Endpoint, database: str) -> str:
        return f"postgresql://{self._who}@{endpoint}/{database}?sslmode=disable"

    def _admin(self, port: int) -> psycopg.Connection[tuple[object, ...]]:
        url = self._url(Endpoint(host=HOST, port=port), self._home)
        try:
            return psycopg.connect(url, autocommit=True, connect_timeout=int(_TALK_S))
        except psycopg.OperationalError as error:
            raise ServiceFailed(
                f"postgres of the Compose stack at {HOST}:{port}: {str(error).strip()}\n"
                "  expected the user of its container's POSTGRES_USER and POSTGRES_PASSWORD to be "
                "let in, and to be allowed to create databases"
            ) from error


class StackRedis:
    """Redis of which a lab uses one numbered database that was empty; the others are not touched.

    What Redis has once for all of its databases (channels, settings) is shared.
    """

    port = 6379
    command: tuple[str, ...] = ()

    def __init__(self, number: int = 0) -> None:
        self.env: dict[str, str] = {}
        self.number = number

    async def answers(self, port: int) -> bool:
        """PING answered by PONG."""
        return await redis_answers(port)

    def prepare(self, port: int) -> str:
        """Read which product it is."""
        (said,) = _redis(port, ("INFO", "server"))
        about = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
        if "valkey_version" in about:
            return f"Valkey {about['valkey_version']}"
        return f"Redis {about.get('redis_version', '?')}"

    def _choose(self, port: int) -> None:
        """Settle on an empty database. Raises ServiceFailed where there is none."""
        _redis(port, ("PING",))
        self.number = next((n for n in _DATABASES if self._is_empty(port, n)), 0)
        if not self.number:
            raise ServiceFailed(
                f"redis of the Compose stack at {HOST}:{port}: every database from "
                f"{min(_DATABASES)} to {max(_DATABASES)} holds keys\n  the lab uses an empty one "
                "and never empties another's; `redis-cli -n 15 FLUSHDB` frees one that you miss not"
            )

    def fresh(self, port: int, lab: str) -> None:
        """Choose a database, once; see that it is empty, before each lab."""
        del lab
        if not self.number:
            self._choose(port)
        elif not self._is_empty(port, self.number):
            raise ServiceFailed(
                f"redis of the Compose stack at {HOST}:{port}: database {self.number}, which was "
                "empty and which the lab uses, holds keys of somebody else\n"
                "  expected nobody else there while the lab runs; nothing was removed"
            )

    def clear(self, port: int, lab: str) -> None:
        """Empty the lab's database."""
        del lab
        if self.number:
            _redis(port, ("SELECT", str(self.number)), ("FLUSHDB",))

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The lab's numbered database."""
        del lab
        return f"redis://{endpoint}/{self.number}"

    def _is_empty(self, port: int, number: int) -> bool:
        with suppress(ServiceFailed):  # it may have fewer databases
            return _redis(port, ("SELECT", str(number)), ("DBSIZE",)) == ["OK", "0"]
        return False


def _redis(port: int, *commands: Sequence[str]) -> list[str]:
    """Commands on one connection, in the server's own protocol; the text of each answer.

    Source: Redis' RESP specification. Raises ServiceFailed where one is answered by an error.
    """
    try:
        with socket.create_connection((HOST, port), _TALK_S) as talk, talk.makefile("rb") as said:
            answers = []
            for words in commands:
                asked = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
                talk.sendall(f"*{len(words)}\r\n{asked}".encode())
                head = said.readline().decode(errors="replace").rstrip()
                if not head or head.startswith("-"):
                    raise ServiceFailed(
                        f"redis of the Compose stack at {HOST}:{port}: {words[0]}: expected an "
                        f"answer, got {head or 'none'}"
                    )
                if head.startswith("$"):
                    head = "$" + said.read(int(head[1:]) + 2).decode(errors="replace").rstrip()
                answers.append(head[1:])
            return answers
    except OSError as error:
        raise ServiceFailed(f"redis of the Compose stack at {HOST}:{port}: {error}") from error

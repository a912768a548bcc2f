"""MariaDB or MySQL in a container of the lab's own, as both official images start it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from chaoslab.errors import ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST
from chaoslab.services.answers import ready
from chaoslab.services.base import ContainerAccess
from chaoslab.services.mysql.driver import pymysql
from chaoslab.services.mysql.protocol import log_in_answered
from chaoslab.services.mysql.sessions import PORT, product

_WITHIN_S = 5.0
_USER = "chaoslab"
# In both products; a name that one of them lacks would stop it.
_OPTIONS = (
    "--skip-name-resolve",
    "--max-connections=100",
    "--innodb-flush-log-at-trx-commit=2",
)
_SESSIONS = "SELECT id FROM information_schema.processlist WHERE db = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlServer:
    """Each lab has a database of its own in it."""

    port: int = PORT
    command: tuple[str, ...] = _OPTIONS
    # Without a password: it is reachable from loopback and from the proxy only.
    env: Mapping[str, str] = field(default_factory=lambda: {"MYSQL_ALLOW_EMPTY_PASSWORD": "1"})

    async def answers(self, port: int) -> bool:
        """Greeted, and a log-in answered."""
        return await ready(port, log_in_answered)

    def prepare(self, access: ContainerAccess) -> str:
        """Make the user that every lab's apps log in as."""
        with _admin(access.port) as cursor:
            cursor.execute(f"CREATE USER {_USER}@'%' IDENTIFIED BY '{_USER}'")
            cursor.execute("SELECT VERSION()")
            return product(str(cursor.fetchall()[0][0]))

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """A new database; one of that name is dropped."""
        self.clear(access, lab)
        with _admin(access.port) as cursor:
            cursor.execute(f"CREATE DATABASE `{lab}`")
            cursor.execute(f"GRANT ALL ON `{lab}`.* TO {_USER}@'%'")

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Drop the lab's database; a session that holds one of its tables is ended first."""
        with _admin(access.port) as cursor:
            cursor.execute(_SESSIONS, [lab])
            for (session,) in cursor.fetchall():
                try:
                    cursor.execute("KILL %s", [session])
                except pymysql.OperationalError:
                    continue  # it left meanwhile
            cursor.execute(f"DROP DATABASE IF EXISTS `{lab}`")

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """As the user `chaoslab`, who has all rights in the database and none elsewhere."""
        return f"mysql://{_USER}:{_USER}@{endpoint}/{lab}"


@contextmanager
def _admin(port: int) -> Iterator[pymysql.cursors.Cursor]:
    """Raises ServiceFailed where it does not answer, or breaks off."""
    try:
        connection = pymysql.connect(
            host=HOST,
            port=port,
            user="root",
            autocommit=True,
            connect_timeout=_WITHIN_S,
            read_timeout=_WITHIN_S,
            write_timeout=_WITHIN_S,
        )
        with connection, connection.cursor() as cursor:
            yield cursor
    except pymysql.Error as error:
        raise ServiceFailed(f"mysql at {HOST}:{port}: {error}") from error

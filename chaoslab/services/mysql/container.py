"""MariaDB or MySQL in a container: the lab's own container, or one of a Compose stack.

The container is of one of the two official images. Each lab has its own database in the server.

Sources: the references of both images, for the variables MARIADB_* and MYSQL_*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from chaoslab.errors import Problem, ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST
from chaoslab.model.topology import Service
from chaoslab.services.answers import ready
from chaoslab.services.base import SERVER_ERROR, ContainerAccess, cause_of
from chaoslab.services.mysql.driver import pymysql
from chaoslab.services.mysql.keys import MysqlKeys, granted, identifier, keys_of, url_of
from chaoslab.services.mysql.protocol import log_in_answered
from chaoslab.services.mysql.sessions import PORT, product

_WITHIN_S = 5.0
_SESSIONS = "SELECT id FROM information_schema.processlist WHERE db = %s"
_NO_SUCH_GRANT = 1141
# Root has no password: the lab's own server is reachable from loopback and from the proxy only.
_OWN_ENV = {"MYSQL_ALLOW_EMPTY_PASSWORD": "1"}
# In both products; an option that one of them does not know would stop it.
_OWN_OPTIONS = (
    "--skip-name-resolve",
    "--max-connections=100",
    "--innodb-flush-log-at-trx-commit=2",
)


def own_server(service: Service) -> MysqlServer:
    """The server for the lab's own container, with the lab's options and what the service
    declares.
    """
    return MysqlServer(env=_OWN_ENV, command=_OWN_OPTIONS, keys=keys_of(service))


def stack_server(service: Service, env: Mapping[str, str]) -> MysqlServer:
    """The server of a Compose stack; its container's environment variables name its accounts."""
    del service
    return MysqlServer(env=env)


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlServer:
    """MariaDB or MySQL in a container. Root creates the labs' databases.

    Apps log in as the user that `keys` declares, which root creates. Without `keys`, as in a stack,
    they log in as the user that the container's variables name; as root if these name none.
    """

    env: Mapping[str, str]
    command: tuple[str, ...] | None = None
    port: int = PORT
    keys: MysqlKeys | None = None

    async def answers(self, port: int) -> bool:
        """Whether the server sends its greeting, and then accepts or refuses a log-in."""
        return await ready(port, log_in_answered)

    def prepare(self, access: ContainerAccess) -> str:
        """Check that root can log in, and create the declared user; returns the server's product
        and version.
        """
        with self._as_root(access) as cursor:
            cursor.execute("SELECT VERSION()")
            about = product(str(cursor.fetchall()[0][0]))
            if self.keys is not None:
                who = [self.keys.user, self.keys.password]
                cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", who)
            return about

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Create the lab's database; a database of the same name is dropped first."""
        self.clear(access, lab)
        database = self._database(lab)
        with self._as_root(access) as cursor:
            cursor.execute(f"CREATE DATABASE {identifier(database)}")
            if user := self._user:
                cursor.execute(f"GRANT ALL ON {granted(database)}.* TO %s@'%%'", [user])

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Drop the lab's database, and the rights in it. Sessions that use it are ended first."""
        database = self._database(lab)
        with self._as_root(access) as cursor:
            cursor.execute(_SESSIONS, [database])
            for (session,) in cursor.fetchall():
                try:
                    cursor.execute("KILL %s", [session])
                except pymysql.OperationalError:
                    continue  # it ended meanwhile
            cursor.execute(f"DROP DATABASE IF EXISTS {identifier(database)}")
            if user := self._user:
                try:
                    cursor.execute(f"REVOKE ALL ON {granted(database)}.* FROM %s@'%%'", [user])
                except pymysql.OperationalError as error:
                    if error.args[0] != _NO_SUCH_GRANT:
                        raise

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of the lab's database through `endpoint`, for the user of the apps."""
        user, password = self._user, self._variable("PASSWORD")
        if self.keys is not None:
            password = self.keys.password
        elif not user:
            user, password = "root", self._variable("ROOT_PASSWORD")
        return url_of(user, password, endpoint, self._database(lab))

    @property
    def _user(self) -> str:
        """The user of the apps; empty if it is root."""
        return self.keys.user if self.keys is not None else self._variable("USER")

    def _database(self, lab: str) -> str:
        """The name of the lab's database: the declared one, else that of the lab. The lab's own
        server is used by one lab at a time, so all of them can have the declared name.
        """
        keys = self.keys
        return keys.database if keys and "database" in keys.model_fields_set else lab

    def _variable(self, name: str) -> str:
        """The value of a variable with the prefix MARIADB_ or MYSQL_; empty if it is not set."""
        return self.env.get(f"MARIADB_{name}") or self.env.get(f"MYSQL_{name}", "")

    @contextmanager
    def _as_root(self, access: ContainerAccess) -> Iterator[pymysql.cursors.Cursor]:
        """A cursor of root at the server, for the `with` block. Raises ServiceFailed if the server
        gives no answer, or an error.
        """
        try:
            connection = pymysql.connect(
                host=HOST,
                port=access.port,
                user="root",
                password=self._variable("ROOT_PASSWORD").encode(),
                autocommit=True,
                connect_timeout=_WITHIN_S,
                read_timeout=_WITHIN_S,
                write_timeout=_WITHIN_S,
            )
            with connection, connection.cursor() as cursor:
                yield cursor
        except pymysql.Error as error:
            problem = Problem(
                reason=SERVER_ERROR(cause=cause_of(error)),
                where=f"mysql at {HOST}:{access.port}",
                expected="that root can log in from every host, by the password in its "
                "container's MARIADB_ROOT_PASSWORD or MYSQL_ROOT_PASSWORD, and create databases",
            )
            raise ServiceFailed(problem) from error

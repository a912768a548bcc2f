"""The kind `mysql`: MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.base import CommandCounter, Kind, LocalServer, PathDialogue
from chaoslab.services.later import later
from chaoslab.services.mysql.keys import MysqlKeys, keys_of
from chaoslab.services.mysql.local import PROGRAM, mysql_server
from chaoslab.services.mysql.protocol import LOG_IN, QUIT, SHUTDOWN
from chaoslab.services.urls import USER_AND_DATABASE, password_of, path_of, user_of

if TYPE_CHECKING:
    from chaoslab.services.mysql import container, path, sessions
else:
    container, path, sessions = later(__name__, "container", "path", "sessions")


def _local(service: Service, scratch: Path, env: Mapping[str, str]) -> LocalServer:
    # Raises now if the driver is missing: later it would make every verdict UNKNOWN.
    from chaoslab.services.mysql import driver  # noqa: F401

    return mysql_server(keys_of(service), scratch=scratch, env=env)


def _client(url: str) -> tuple[str, ...]:
    """`mysql` with the parts of the URL. An address of loopback, and not `localhost`, is TCP."""
    parts = urlsplit(url)
    where = ("-h", parts.hostname or "", "-P", str(parts.port), "-u", user_of(url))
    return ("mysql", *where, f"--password={password_of(url)}", path_of(url))


MYSQL = Kind(
    name="mysql",
    port=3306,
    schemes=("mysql", "mariadb"),
    question=lambda _: Question(asked=LOG_IN, server_first=True),
    keys=MysqlKeys,
    image="mariadb:11.4",
    goodbyes=frozenset({QUIT}),
    dismissals=(SHUTDOWN,),
    fields=USER_AND_DATABASE,
    client=_client,
    program=PROGRAM,
    data=lambda _: "home",
    local=_local,
    container=container.own_server,
    stack=container.stack_server,
    about=sessions.about,
    count_clients=sessions.MysqlClients.open,
    count_commands=CommandCounter(open=sessions.MysqlCommands.open),
    rows=sessions.MysqlRows.open,
    tables=sessions.tables,
    dialogue=PathDialogue(targets=path.targets, walk=path.walk),
)

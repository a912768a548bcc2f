"""MySQL and MariaDB. The driver is imported where a lab first talks to a server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.base import (
    ClientCount,
    ContainerServer,
    Kind,
    LocalServer,
    PathDialogue,
    Rows,
)
from chaoslab.services.mysql.local import PROGRAM, mysql_server
from chaoslab.services.mysql.protocol import LOG_IN, QUIT, SHUTDOWN
from chaoslab.services.path import Address, Target, Trip


def _local(service: Service, scratch: Path, env: Mapping[str, str]) -> LocalServer:
    # Later it would be too late: a lab that cannot count or look up makes its verdicts UNKNOWN.
    from chaoslab.services.mysql import driver  # noqa: F401

    del service
    return mysql_server(scratch=scratch, env=env)


def _container(service: Service) -> ContainerServer:
    from chaoslab.services.mysql.container import MysqlServer

    del service
    return MysqlServer()


async def _about(url: str) -> str:
    from chaoslab.services.mysql.sessions import about

    return await about(url)


async def _count_clients(url: str) -> ClientCount:
    from chaoslab.services.mysql.sessions import MysqlCount

    return await MysqlCount.open(url)


async def _rows(url: str) -> Rows:
    from chaoslab.services.mysql.sessions import MysqlRows

    return await MysqlRows.open(url)


def _targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target]:  # fmt: skip
    from chaoslab.services.mysql.path import targets

    return targets(link, url, source, secret)


async def _walk(trip: Trip, target: Target, sock: socket.socket, address: Address) -> None:
    from chaoslab.services.mysql.path import walk

    del address
    await walk(trip, target, sock)


MYSQL = Kind(
    name="mysql",
    port=3306,
    schemes=("mysql", "mariadb"),
    question=lambda _: Question(asked=LOG_IN, server_first=True),
    image="mariadb:11.4",
    goodbyes=frozenset({QUIT}),
    dismissals=(SHUTDOWN,),
    program=PROGRAM,
    local=_local,
    container=_container,
    about=_about,
    count_clients=_count_clients,
    rows=_rows,
    dialogue=PathDialogue(targets=_targets, walk=_walk),
)

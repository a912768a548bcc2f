"""PostgreSQL. Drivers are imported where a lab first talks to a server.

Sources: PostgreSQL's "Frontend/Backend Protocol" and its list of SQLSTATEs.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.base import (
    OWN_NAME,
    ClientCount,
    ContainerServer,
    Kind,
    LocalServer,
    PathDialogue,
    Rows,
    ServerView,
)
from chaoslab.services.path import Address, NoTarget, Target, Trip
from chaoslab.services.postgres.local import PROGRAM, postgres_server

# SSLRequest ("SSL Session Encryption"): answered by one byte, without credentials.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
# What a pool sends last, also on connections that it never used: Terminate, 'X' and its length.
TERMINATE = b"X\x00\x00\x00\x04"
# Fields V and C of ErrorResponse or NoticeResponse, severity and SQLSTATE, the same in every
# language of the server: admin_shutdown, crash_shutdown, cannot_connect_now.
DISMISSALS = tuple(
    b"V" + severity + b"\x00C" + code + b"\x00"
    for severity in (b"FATAL", b"WARNING")
    for code in (b"57P01", b"57P02", b"57P03")
)


def _local(service: Service, scratch: Path, env: Mapping[str, str]) -> LocalServer:
    del service
    return postgres_server(scratch=scratch, env=env)


def _container(service: Service) -> ContainerServer:
    from chaoslab.services.postgres.container import PostgresServer

    del service
    return PostgresServer()


def _stack(service: Service, env: Mapping[str, str]) -> ContainerServer:
    from chaoslab.services.postgres.container import StackPostgres

    del service
    return StackPostgres(env)


def _signed(url: str) -> str:
    """The URL with the lab's name for its sessions, unless it has one of its own."""
    query = urlsplit(url).query
    if "application_name" not in parse_qs(query):
        query = "&".join(filter(None, (query, f"application_name={OWN_NAME}")))
    return urlsplit(url)._replace(query=query).geturl()


async def _about(url: str) -> str:
    from chaoslab.services.postgres.sessions import about

    return await about(url)


async def _count_clients(url: str) -> ClientCount:
    from chaoslab.services.postgres.sessions import PostgresCount

    return await PostgresCount.open(url)


async def _rows(url: str) -> Rows:
    from chaoslab.services.postgres.sessions import PostgresRows

    return await PostgresRows.open(url)


async def _view(url: str, proxied: str) -> ServerView | None:
    from chaoslab.services.postgres.sessions import PostgresView

    return await PostgresView.open(url, proxied)


def _targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target | NoTarget]:
    from chaoslab.services.postgres.path import targets

    return targets(link, url, source, secret)


async def _walk(trip: Trip, target: Target, sock: socket.socket, address: Address) -> None:
    from chaoslab.services.postgres.path import walk

    await walk(trip, target, sock, address)


POSTGRES = Kind(
    name="postgres",
    port=5432,
    schemes=("postgresql", "postgres"),
    question=lambda _: Question(asked=SSL_REQUEST),
    image="postgres:16-alpine",
    goodbyes=frozenset({TERMINATE}),
    dismissals=DISMISSALS,
    program=PROGRAM,
    local=_local,
    container=_container,
    stack=_stack,
    signed=_signed,
    about=_about,
    count_clients=_count_clients,
    rows=_rows,
    view=_view,
    dialogue=PathDialogue(targets=_targets, walk=_walk),
)

"""Redis, or Valkey in its place. redis-py is imported where a lab first talks to a server.

Source: Redis' RESP specification.
"""

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
    ServerView,
)
from chaoslab.services.path import Address, Target, Trip
from chaoslab.services.redis.local import PROGRAM, redis_server

PORT = 6379


def _local(service: Service, scratch: Path, env: Mapping[str, str]) -> LocalServer:
    del service, scratch, env
    return redis_server()


def _container(service: Service) -> ContainerServer:
    from chaoslab.services.redis.container import RedisServer

    del service
    return RedisServer()


def _stack(service: Service, env: Mapping[str, str]) -> ContainerServer:
    from chaoslab.services.redis.container import StackRedis

    del service, env
    return StackRedis()


async def _about(url: str) -> str:
    """Without a log-in, which nothing that comes later needs."""
    del url
    return "Redis"


async def _count_clients(url: str) -> ClientCount:
    from chaoslab.services.redis.sessions import RedisCount

    return await RedisCount.open(url)


async def _view(url: str, proxied: str) -> ServerView | None:
    from chaoslab.services.redis.sessions import RedisView

    return await RedisView.open(url, proxied)


def _targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target]:  # fmt: skip
    from chaoslab.services.redis.path import targets

    return targets(link, url, source, secret)


async def _walk(trip: Trip, target: Target, sock: socket.socket, address: Address) -> None:
    from chaoslab.services.redis.path import walk

    del address
    await walk(trip, target, sock)


REDIS = Kind(
    name="redis",
    port=PORT,
    schemes=("redis", "rediss"),
    # Answered by a line without credentials, be it an error.
    question=lambda _: Question(asked=b"PING\r\n"),
    image="redis:7-alpine",
    # QUIT, as an array or inline: a pool sends it on connections that it never used.
    goodbyes=frozenset({b"*1\r\n$4\r\nQUIT\r\n", b"QUIT\r\n"}),
    program=PROGRAM,
    local=_local,
    container=_container,
    stack=_stack,
    about=_about,
    count_clients=_count_clients,
    view=_view,
    dialogue=PathDialogue(targets=_targets, walk=_walk),
)

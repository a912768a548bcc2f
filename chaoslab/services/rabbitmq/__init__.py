"""RabbitMQ, by AMQP 0-9-1. pamqp is imported where a lab first talks to a server.

Its clients are not counted: only its management plug-in lists them, late, and it makes each start
slower. What is in its queues is not looked up: a message that was consumed is as absent as one that
was lost, and a look changes the message (redelivered, and nearer to its delivery limit).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.base import Kind, LocalServer, PathDialogue
from chaoslab.services.path import Address, Target, Trip
from chaoslab.services.rabbitmq.local import PROGRAM, rabbit_server
from chaoslab.services.rabbitmq.protocol import DISMISSALS, GOODBYES, HEADER


def _local(service: Service, scratch: Path, env: Mapping[str, str]) -> LocalServer:
    del service
    return rabbit_server(scratch=scratch, env=env)


async def _about(url: str) -> str:
    from chaoslab.services.rabbitmq.path import about

    return await about(url)


def _targets(
    link: str, url: str, source: str, secret: Callable[[str], str]
) -> Iterator[Target]:  # fmt: skip
    from chaoslab.services.rabbitmq.path import targets

    del secret
    return targets(link, url, source)


async def _walk(trip: Trip, target: Target, sock: socket.socket, address: Address) -> None:
    from chaoslab.services.rabbitmq.path import walk

    del address
    await walk(trip, target, sock)


RABBITMQ = Kind(
    name="rabbitmq",
    port=5672,
    schemes=("amqp", "amqps"),
    question=lambda _: Question(asked=HEADER),
    goodbyes=GOODBYES,
    dismissals=DISMISSALS,
    program=PROGRAM,
    local=_local,
    about=_about,
    dialogue=PathDialogue(targets=_targets, walk=_walk),
)

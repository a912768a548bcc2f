"""The kind `tcp`: any server that listens on a TCP port, from a command or an image.

Without a declared answer the server is ready once it accepts a connection and does not close it at
once; a canary observes only whether it accepts. With a declared answer the server is ready once it
gives that answer, and a canary also observes silence and delay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from chaoslab.model.loader.base import together
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.answers import Streams, ready
from chaoslab.services.base import ContainerServer, Kind, LocalServer
from chaoslab.services.declared import (
    Answers,
    DeclaredKeys,
    command_server,
    environment_of,
    image_server,
)

# A forwarded port accepts also for a server that is down, and closes the connection at once.
_STAYS_OPEN_S = 0.1


class TcpKeys(DeclaredKeys):
    """The keys of `[services.<name>]` for a service of kind `tcp`."""

    question: str = Field(default="", description="a string, what a client may ask")
    answer: str = Field(default="", description="a string, with what the answer begins")

    @model_validator(mode="after")
    def _can_be_started(self) -> Self:
        if self.command is None and self.image is None:
            what = "neither a command nor an image"
            raise together(what, "command, or image and port, or both", "")
        if self.question and not self.answer:
            fix = "add answer: the first characters that the server sends back"
            raise together("a question without an answer", "both, or answer alone", fix)
        return self


def _keys(service: Service) -> TcpKeys:
    return TcpKeys.model_validate(dict(service.settings))


def _question(service: Service) -> Question:
    keys = _keys(service)
    answered = bool(keys.answer)
    server_first = answered and not keys.question
    return Question(asked=keys.question.encode(), answered=answered, server_first=server_first)


def _ready(service: Service) -> Answers:
    keys = _keys(service)

    async def talk(streams: Streams) -> bool:
        reader, writer = streams
        writer.write(keys.question.encode())
        if keys.answer:
            wanted = keys.answer.encode()
            return await reader.readexactly(len(wanted)) == wanted
        try:
            async with asyncio.timeout(_STAYS_OPEN_S):
                return bool(await reader.read(1))
        except TimeoutError:
            return True

    return lambda port: ready(port, talk)


def _local(service: Service, scratch: Path, env: Mapping[str, str]) -> LocalServer:
    del scratch, env
    return command_server(service, _keys(service), scheme="tcp", ready=_ready(service))


def _container(service: Service) -> ContainerServer:
    return image_server(service, _keys(service), scheme="tcp", ready=_ready(service))


TCP = Kind(
    name="tcp",
    port=0,
    schemes=("tcp",),
    question=_question,
    keys=TcpKeys,
    local=_local,
    variables=lambda service, port: environment_of(_keys(service), port),
    container=_container,
    image_of=lambda service: _keys(service).image or "",
    stack=lambda service, _: _container(service),
)

"""The kind `http`: an HTTP service from a command, an image, a URL, or declared answers.

The service is ready once it answers `ready_path` with a status below 500; a canary sends the same
request. A small server of the lab (`chaoslab.agent.responder`) gives the declared answers, to every
method, and answers any other path with 404.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from chaoslab.model.loader.base import HttpPath, NonEmpty, Shape, rule, together
from chaoslab.model.loader.rules import is_http_url
from chaoslab.model.sighting import Question
from chaoslab.model.topology import Service
from chaoslab.services.answers import Streams, ready
from chaoslab.services.base import AGENT_IMAGE, ContainerServer, Kind, LocalServer
from chaoslab.services.declared import (
    Answers,
    CommandServer,
    DeclaredKeys,
    ImageServer,
    command_server,
    environment_of,
    image_server,
)

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-4]\d\d)[ \r\n]")
_RESPONDER = "the lab's own responder"
_RESPONDER_PORT = 8080
_SLOWEST_READY_S = 0.05  # some canaries wait 0.1 s, and take a later answer for silence
HttpUrl = Annotated[str, rule(is_http_url)]


class AnswerShape(Shape):
    """One answer: the keys of `[services.<name>.answers."<path>"]`."""

    status: int = Field(default=200, ge=200, le=599, description="a whole number, 200 to 599")
    body: str = Field(default="", description="a string")
    content_type: NonEmpty = Field(default="application/json", description="a string")
    delay_s: float = Field(default=0.0, ge=0, description="a number of seconds, 0 or more")


class HttpKeys(DeclaredKeys):
    """The keys of `[services.<name>]` for a service of kind `http`."""

    url: HttpUrl | None = Field(
        default=None, description="a string, http://host:port of a service that runs already"
    )
    answers: dict[HttpPath, AnswerShape] = Field(
        default_factory=dict,
        description='tables, as in [services.payment.answers."/charge"] with status and body',
    )
    ready_path: HttpPath = Field(default="/", description="a path that begins with '/'")

    @model_validator(mode="after")
    def _can_be_started(self) -> Self:
        started = self.command is not None or self.image is not None
        if [started, self.url is not None, bool(self.answers)].count(True) != 1:
            what = "more than one of them" if started or self.url else "nothing to start or reach"
            raise together(what, "one of: command or image (or both), url, answers", "")
        ready_by = self.answers.get(self.ready_path)
        if ready_by and (ready_by.status >= 500 or ready_by.delay_s > _SLOWEST_READY_S):
            what = f"ready_path {self.ready_path} is answered late, or with an error"
            fix = "set ready_path to a path that is answered at once, with a status below 500"
            raise together(what, f"a status below 500, within {_SLOWEST_READY_S:g} s", fix)
        return self


def _keys(service: Service) -> HttpKeys:
    return HttpKeys.model_validate(dict(service.settings))


def _question(service: Service) -> Question:
    keys = _keys(service)
    host = urlsplit(keys.url or "").netloc or "localhost"
    head = f"GET {keys.ready_path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    return Question(asked=head.encode())


def _ready(service: Service) -> Answers:
    question = _question(service)

    async def talk(streams: Streams) -> bool:
        reader, writer = streams
        writer.write(question.asked)
        return _STATUS.match(await reader.readline()) is not None

    return lambda port: ready(port, talk)


def _answers_text(keys: HttpKeys) -> str:
    """The declared answers as JSON, in the format that the lab's responder reads."""
    return json.dumps({path: answer.model_dump() for path, answer in keys.answers.items()})


def _local(service: Service, scratch: Path, env: Mapping[str, str]) -> LocalServer:
    del scratch, env
    keys = _keys(service)
    if not keys.answers:
        return command_server(service, keys, scheme="http", ready=_ready(service))
    words = (sys.executable, "-m", "chaoslab.agent", "respond", "127.0.0.1", "{port}")
    answers = (
        _answers_text(keys).replace("{", "{{").replace("}", "}}")
    )  # they contain no placeholders
    return CommandServer(
        words=(*words, answers), scheme="http", ready=_ready(service), version=_RESPONDER
    )


def _container(service: Service) -> ContainerServer:
    keys = _keys(service)
    if not keys.answers:
        return image_server(service, keys, scheme="http", ready=_ready(service))
    return ImageServer(
        port=_RESPONDER_PORT,
        command=("respond", "0.0.0.0", str(_RESPONDER_PORT), _answers_text(keys)),
        env={},
        scheme="http",
        ready=_ready(service),
        product=_RESPONDER,
    )


def _image_of(service: Service) -> str:
    keys = _keys(service)
    return AGENT_IMAGE if keys.answers else keys.image or ""


HTTP = Kind(
    name="http",
    port=80,
    schemes=("http",),
    question=_question,
    keys=HttpKeys,
    local=_local,
    client=lambda url: ("curl", "-i", f"{url}/"),
    variables=lambda service, port: environment_of(_keys(service), port),
    container=_container,
    image_of=_image_of,
    data=lambda service: "none" if _keys(service).answers else "unknown",
    elsewhere=lambda service: _keys(service).url or "",
    stack=lambda service, _: image_server(
        service, _keys(service), scheme="http", ready=_ready(service)
    ),
)

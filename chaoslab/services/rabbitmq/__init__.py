"""The kind `rabbitmq`: RabbitMQ, by AMQP 0-9-1.

Its clients are not counted: only its management plug-in lists them, late, and the plug-in makes
each start slower. Messages are not looked up: a message that was consumed is absent like one that
was lost, and reading a message changes it (redelivered, and nearer to its delivery limit).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaoslab.model.sighting import Question
from chaoslab.services.base import Kind, PathDialogue
from chaoslab.services.later import later
from chaoslab.services.rabbitmq.keys import RabbitKeys, keys_of
from chaoslab.services.rabbitmq.local import PROGRAM, rabbit_server
from chaoslab.services.rabbitmq.protocol import DISMISSALS, GOODBYES, HEADER
from chaoslab.services.urls import password_of, path_of, user_of

if TYPE_CHECKING:
    from chaoslab.services.rabbitmq import container, path
else:
    container, path = later(__name__, "container", "path")

RABBITMQ = Kind(
    name="rabbitmq",
    port=5672,
    schemes=("amqp", "amqps"),
    question=lambda _: Question(asked=HEADER),
    keys=RabbitKeys,
    image="rabbitmq:3.13-alpine",
    goodbyes=GOODBYES,
    dismissals=DISMISSALS,
    fields={"user": user_of, "password": password_of, "vhost": path_of},
    program=PROGRAM,
    data=lambda _: "home",
    local=lambda service, scratch, env: rabbit_server(keys_of(service), scratch=scratch, env=env),
    container=container.own_server,
    stack=container.stack_server,
    about=path.about,
    dialogue=PathDialogue(targets=path.targets, walk=path.walk),
)

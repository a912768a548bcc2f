"""The keys of `[services.<name>]` of kind `rabbitmq`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.loader.base import Shape
from chaoslab.model.topology import Service
from chaoslab.services.keys import OWN, NeededPassword, name_of
from chaoslab.services.urls import log_in

_Name = Annotated[str, name_of(255)]


class RabbitKeys(Shape):
    """The keys of `[services.<name>]` for a service of kind `rabbitmq`."""

    user: _Name = Field(default=OWN, description="a string of 1 to 255 bytes")
    password: NeededPassword = Field(default=OWN, description="a string on one line, not empty")
    vhost: _Name = Field(default=OWN, description='a string of 1 to 255 bytes, as "/"')


def keys_of(service: Service) -> RabbitKeys:
    """The keys of a service."""
    return RabbitKeys.model_validate(dict(service.settings))


def url_of(user: str, password: str, endpoint: Endpoint, vhost: str) -> str:
    """The URL of a virtual host through `endpoint`, for a user."""
    return f"amqp://{log_in(user, password)}@{endpoint}/{quote(vhost, safe='')}"

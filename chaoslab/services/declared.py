"""A server that the topology declares itself: by a command, or by an image and its port.

What the kinds `tcp` and `http` share. The lab keeps nothing of its data from one scenario to the
next as a process; in a container it keeps its state until the session's end.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST
from chaoslab.machine.process import Identity
from chaoslab.model.loader.base import NoNul, Shape, VariableName, together
from chaoslab.model.loader.kinds import PINNED, ImageName
from chaoslab.model.placeholders import fill, names_in, placeholder_problems
from chaoslab.model.topology import Service
from chaoslab.services.base import ContainerAccess, Stop

Answers = Callable[[int], Awaitable[bool]]
_KNOWN = ("port", "host", "python")
COMMAND = "a list of strings, the program and its arguments, with {port} for its port"


class DeclaredKeys(Shape):
    """How a server is started that the lab knows nothing of."""

    command: Annotated[list[NoNul], Field(min_length=1)] | None = Field(
        default=None, description=COMMAND
    )
    image: ImageName | None = Field(default=None, description=PINNED)
    image_command: list[NoNul] | None = Field(
        default=None, description="a list of strings, in place of the image's own command"
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="a whole number, 1 to 65535, inside the container"
    )
    env: dict[VariableName, NoNul] = Field(
        default_factory=dict, description="a table of strings, for the command and the container"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.image is None) != (self.port is None):
            what = "an image without its port" if self.port is None else "a port without an image"
            raise together(what, "both, or none of the two", "port is where the image listens")
        texts = (*(self.command or ()), *self.env.values())
        for text in texts:
            for problem in placeholder_problems("", text, _KNOWN):
                raise together(problem.what, problem.expected, problem.fix)
        if self.command and not any("port" in names_in(text) for text in texts):
            what = "nothing of the command says at which port it has to listen"
            raise together(what, "{port} in command or env", "write {port} where the port belongs")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandServer:
    """A server by a command, as a process."""

    words: Sequence[str]
    scheme: str
    ready: Answers
    version: str
    identity: Identity = field(default_factory=Identity)
    stop_by: Stop = ((signal.SIGTERM, 5.0),)

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """It makes what it needs itself."""

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """Every placeholder filled."""
        del home
        return tuple(fill(word, _values(port)) for word in self.words)

    async def answers(self, port: int) -> bool:
        """As its kind asks."""
        return await self.ready(port)

    def url(self, endpoint: Endpoint) -> str:
        """No credentials, no path."""
        return f"{self.scheme}://{endpoint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageServer:
    """A server by an image. It has no place of a lab's own: its state lasts for the session."""

    port: int
    command: tuple[str, ...] | None
    env: Mapping[str, str]
    scheme: str
    ready: Answers
    product: str

    async def answers(self, port: int) -> bool:
        """As its kind asks."""
        return await self.ready(port)

    def prepare(self, access: ContainerAccess) -> str:
        """What it is called; nothing is known of its version."""
        del access
        return self.product

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Nothing is known of its state."""

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Nothing is known of its state."""

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """No credentials, no path."""
        del lab
        return f"{self.scheme}://{endpoint}"


def command_server(
    service: Service, keys: DeclaredKeys, *, scheme: str, ready: Answers
) -> CommandServer:
    """Raises RuntimeUnavailable where the service has no command."""
    if keys.command is None:
        raise RuntimeUnavailable(
            f"services.{service.name}: it has no command, which a process needs\n"
            f"  add command to [services.{service.name}], or use --chaos-runtime=docker"
        )
    name = Path(fill(keys.command[0], _values(0))).name
    return CommandServer(
        words=tuple(keys.command), scheme=scheme, ready=ready, version=f"{name} (command)"
    )


def image_server(
    service: Service, keys: DeclaredKeys, *, scheme: str, ready: Answers
) -> ImageServer:
    """Raises RuntimeUnavailable where the service has no image."""
    if keys.image is None or keys.port is None:
        raise RuntimeUnavailable(
            f"services.{service.name}: it has no image, which a container needs\n"
            f"  add image and port to [services.{service.name}], or use --chaos-runtime=local"
        )
    return ImageServer(
        port=keys.port,
        command=tuple(keys.image_command) if keys.image_command is not None else None,
        env={name: fill(text, _values(keys.port)) for name, text in keys.env.items()},
        scheme=scheme,
        ready=ready,
        product=f"{service.kind} server",
    )


def environment_of(keys: DeclaredKeys, port: int) -> dict[str, str]:
    """Its variables, every placeholder filled."""
    return {name: fill(text, _values(port)) for name, text in keys.env.items()}


def _values(port: int) -> dict[str, str]:
    return {"port": str(port), "host": HOST, "python": sys.executable}

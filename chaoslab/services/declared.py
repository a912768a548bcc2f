"""What the kinds `tcp` and `http` share: a server that the topology itself declares.

The topology declares a command, or an image and its port. As a process such a server starts again
for each scenario. In a container it keeps its state until the session ends.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
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
NO_COMMAND = ErrorCode(
    "service.no_command",
    "it has no command, which a process needs",
    "A service of kind `tcp` or `http` declares no command, and the runtime starts processes.",
)
NO_IMAGE = ErrorCode(
    "service.no_image",
    "it has no image, which a container needs",
    "A service of kind `tcp` or `http` declares no image, and the runtime starts containers.",
)
COMMAND = "a list of strings, the program and its arguments, with {port} for its port"


class DeclaredKeys(Shape):
    """The keys of `[services.<name>]` that say how a declared server is started."""

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
            what = "the command does not get its port"
            raise together(what, "{port} in command or env", "write {port} in place of the port")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandServer:
    """A declared server that runs as a process, by its command."""

    words: Sequence[str]
    scheme: str
    ready: Answers
    version: str
    identity: Identity = field(default_factory=Identity)
    stop_by: Stop = ((signal.SIGTERM, 5.0),)

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Do nothing: the server creates its files itself."""

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """The declared command, with its placeholders filled in."""
        del home
        return tuple(fill(word, _values(port)) for word in self.words)

    async def answers(self, port: int) -> bool:
        """Whether the server at that port answers as its kind requires."""
        return await self.ready(port)

    def url(self, endpoint: Endpoint) -> str:
        """The URL of the server through `endpoint`, without credentials or a path."""
        return f"{self.scheme}://{endpoint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageServer:
    """A declared server that runs in a container, by its image. All labs of a session share its
    state.
    """

    port: int
    command: tuple[str, ...] | None
    env: Mapping[str, str]
    scheme: str
    ready: Answers
    product: str

    async def answers(self, port: int) -> bool:
        """Whether the server at that port answers as its kind requires."""
        return await self.ready(port)

    def prepare(self, access: ContainerAccess) -> str:
        """Do nothing, and return the server's product for people; its version is not known."""
        del access
        return self.product

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Do nothing: the lab does not know how to empty the server's state."""

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Do nothing: the lab does not know how to empty the server's state."""

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of the server through `endpoint`, without credentials or a path."""
        del lab
        return f"{self.scheme}://{endpoint}"


def command_server(
    service: Service, keys: DeclaredKeys, *, scheme: str, ready: Answers
) -> CommandServer:
    """The server of a service that declares a command. Raises RuntimeUnavailable if it declares
    none.
    """
    if keys.command is None:
        fix = f"add command to [services.{service.name}], or use --chaos-runtime=docker"
        raise RuntimeUnavailable(
            Problem(reason=NO_COMMAND(), where=f"services.{service.name}", fix=fix)
        )
    name = Path(fill(keys.command[0], _values(0))).name
    return CommandServer(
        words=tuple(keys.command), scheme=scheme, ready=ready, version=f"{name} (command)"
    )


def image_server(
    service: Service, keys: DeclaredKeys, *, scheme: str, ready: Answers
) -> ImageServer:
    """The server of a service that declares an image. Raises RuntimeUnavailable if it declares
    none.
    """
    if keys.image is None or keys.port is None:
        fix = f"add image and port to [services.{service.name}], or use --chaos-runtime=local"
        raise RuntimeUnavailable(
            Problem(reason=NO_IMAGE(), where=f"services.{service.name}", fix=fix)
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
    """Maps each declared environment variable to its value, with the placeholders filled in. `port`
    is the server's port.
    """
    return {name: fill(text, _values(port)) for name, text in keys.env.items()}


def _values(port: int) -> dict[str, str]:
    return {"port": str(port), "host": HOST, "python": sys.executable}

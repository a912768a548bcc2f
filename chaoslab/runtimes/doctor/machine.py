"""What a machine was seen to have, and what a runtime lacks on it. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

ImageState = Literal["here", "absent", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A program, a package or an ability of the machine.

    `found` describes it; where it is empty, `problem` says why. `fix` has the commands that get
    it, one a line.
    """

    name: str
    found: str = ""
    problem: str = ""
    fix: str = ""


Look = Callable[[], Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something that a runtime lacks, and commands or steps that each fix it.

    `surely` is False for what may be there when it is needed, such as an image that is pulled then.
    """

    what: str
    fixes: tuple[str, ...]
    surely: bool = True


def lacking(*parts: Part) -> Iterator[Lack]:
    """A lack for each part that was not found."""
    for part in parts:
        if not part.found:
            fixes = tuple(part.fix.splitlines())
            yield Lack(what=f"{part.name}: {part.problem or 'not found'}", fixes=fixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSeen:
    """An image that a container runtime uses: its use, its name, and whether the engine has it.

    The state `refused`: a pull was tried and failed, with `answer`. `base` is the image that
    it is built on, empty for one that is only pulled. `stand_in` is an image of the air-gapped set
    that is here and can be named instead.
    """

    use: str
    name: str
    state: ImageState
    answer: str = ""
    base: str = ""
    stand_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Everything that was looked at.

    `topology` names the topology that was read, `services` its kinds of services. `servers` has the
    server programs by kind. `unable` has, by runtime, the kinds of this topology that it cannot
    run; `of_runtimes` has, by runtime, the parts that only it needs.
    """

    system: str
    python: str
    topology: str
    services: tuple[str, ...]
    servers: Mapping[str, Part]
    toxiproxy: Part
    sockets: Part
    memory: Part
    wheels: tuple[Part, ...]
    engine: Part
    packages: tuple[Part, ...]
    images: tuple[ImageSeen, ...]
    apps_without_image: tuple[str, ...]
    of_runtimes: Mapping[str, tuple[Part, ...]]
    unable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

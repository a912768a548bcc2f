"""What the doctor found on a machine, and what a runtime lacks there. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

ImageState = Literal["here", "absent", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A program, a package or an ability of the machine, and whether it was found.

    `found` describes it; if `found` is empty, `problem` says why. `fix` has the commands that
    provide the part, one a line.
    """

    name: str
    found: str = ""
    problem: str = ""
    fix: str = ""


Look = Callable[[], Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something that a runtime lacks, and commands or steps that each fix it.

    `surely` is False for a thing that may be obtained when it is needed, such as an image that is
    then pulled.
    """

    what: str
    fixes: tuple[str, ...]
    surely: bool = True


def lacking(*parts: Part) -> Iterator[Lack]:
    """Yield a Lack for each part that was not found."""
    for part in parts:
        if not part.found:
            fixes = tuple(part.fix.splitlines())
            yield Lack(what=f"{part.name}: {part.problem or 'not found'}", fixes=fixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSeen:
    """An image that a container runtime uses: its use, its name, and whether the engine has it.

    In the state `refused`, a pull was tried and failed; `answer` says why. `base` is the image that
    it is built on, empty for one that is only pulled. `stand_in` is an image of the air-gapped set
    that the engine has and that can be used instead.
    """

    use: str
    name: str
    state: ImageState
    answer: str = ""
    base: str = ""
    stand_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The results of all checks of the doctor on one machine.

    `topology` names the topology that was read, `services` its kinds of services. `servers` maps a
    kind of service to its server program. `unable` maps a runtime to the kinds of this topology
    that it cannot run; `of_runtimes` maps a runtime to the parts that only it needs.
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

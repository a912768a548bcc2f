"""What a machine was seen to have. Plain data: looking is `look.py`, judging is `needs.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ImageState = Literal["here", "absent", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A program, a package or an ability: `found` describes it, or is empty and `problem` says why.

    `fix` is the command that gets it.
    """

    name: str
    found: str = ""
    problem: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSeen:
    """An image that a container runtime uses: for what, and whether the engine has it.

    `refused` is one that was tried to be pulled, `said` with which answer. `base` is the image
    that it is built from where it is absent, `stand_in` one of the air-gapped set that is here
    and could be named instead.
    """

    use: str
    name: str
    state: ImageState
    said: str = ""
    base: str = ""
    stand_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Everything that was looked at. `topology` says where the images and apps are from, `services`
    which kinds of servers it has; `servers` are the programs, by kind. `unable` has, by runtime,
    the kinds of this topology that it cannot run.
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
    compose: Part
    images: tuple[ImageSeen, ...]
    apps_without_image: tuple[str, ...]
    attach: tuple[Part, ...]
    unable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

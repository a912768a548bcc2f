"""What each runtime lacks on a machine, and the command that fixes it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from chaoslab.runtimes.base import RuntimeKind
from chaoslab.runtimes.containers.images import variable
from chaoslab.runtimes.doctor.machine import ImageSeen, Machine, Part

STAND_INS = "docker/airgapped/images.sh && . docker/airgapped/images.env"
RUNTIMES: tuple[RuntimeKind, ...] = get_args(RuntimeKind)
Readiness = Literal["ready", "unknown", "lacking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Something that a runtime lacks, and commands or steps that each fix it.

    Not `surely` is what may turn out well by itself, as an image that is pulled at first use.
    """

    what: str
    fixes: tuple[str, ...]
    surely: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeNeeds:
    """A runtime, and all that it lacks."""

    runtime: RuntimeKind
    lacks: tuple[Lack, ...]

    @property
    def readiness(self) -> Readiness:
        """`unknown` where nothing is surely lacking, but something is not shown to be there."""
        if any(lack.surely for lack in self.lacks):
            return "lacking"
        return "unknown" if self.lacks else "ready"


def needs_of(machine: Machine) -> tuple[RuntimeNeeds, ...]:
    """Every runtime with what it lacks on this machine."""
    used = [part for kind, part in machine.servers.items() if kind in machine.services]
    lacks = {
        "local": (*_parts(*used, machine.sockets),),
        "docker": (*_parts(*machine.packages), *_engine(machine), *_apps(machine)),
        "compose": (*_parts(*machine.packages, machine.compose), *_engine(machine)),
        "attach": (*_parts(*machine.attach),),
    }
    return tuple(
        RuntimeNeeds(runtime=kind, lacks=(*_unable(machine, kind), *lacks[kind]))
        for kind in RUNTIMES
    )


def _unable(machine: Machine, runtime: RuntimeKind) -> Iterator[Lack]:
    for kind in machine.unable.get(runtime, ()):
        fix = "run that topology with another runtime, as --chaos-runtime=local"
        yield Lack(what=f"services of kind {kind} are not supported there", fixes=(fix,))


def _parts(*parts: Part) -> Iterator[Lack]:
    for part in parts:
        if not part.found:
            fixes = tuple(part.fix.splitlines())
            yield Lack(what=f"{part.name}: {part.problem or 'not found'}", fixes=fixes)


def _engine(machine: Machine) -> Iterator[Lack]:
    # What images there are is only known to an engine that answers; else none were seen.
    yield from _parts(machine.engine)
    wanted = tuple(_wanted(machine.images))
    refused = [image for image in wanted if image.state == "refused"]
    for image in refused:
        yield Lack(
            what=f"{_named(image)} is not on this machine and cannot be pulled: {image.said}",
            fixes=_fixes([image], [f"set {_variable(image)}=... to another image"]),
        )
    if absent := [image for image in wanted if image.state == "absent"]:
        are = "is" if len(absent) == 1 else "are"
        yield Lack(
            what=f"{', '.join(map(_named, absent))} {are} not on this machine: pulled at first use",
            fixes=_fixes(absent, [f"docker pull {image.name}" for image in absent]),
            surely=False,
        )


def _wanted(images: tuple[ImageSeen, ...]) -> Iterator[ImageSeen]:
    # Those that the engine lacks and that are not built by the lab on one that it has.
    here = {image.name for image in images if image.state == "here"}
    named = {image.name for image in images if not image.base}
    bases = {image.base for image in images if image.base and image.state != "here"}
    for image in images:
        if image.state == "here" or (image.use == "python" and image.name not in bases):
            continue
        if image.base:
            if image.base in here | named:
                continue
            image = replace(image, name=image.base, base="")  # noqa: PLW2901
        yield image


def _fixes(images: list[ImageSeen], ordinary: list[str]) -> tuple[str, ...]:
    if all(image.stand_in for image in images):
        there = ", ".join(image.stand_in for image in images)
        return (*ordinary, f". docker/airgapped/images.env   (already here: {there})")
    return (*ordinary, f"without a registry: {STAND_INS}")


def _named(image: ImageSeen) -> str:
    return f"image {image.name} ({image.use})"


def _variable(image: ImageSeen) -> str:
    return variable(image.use)


def _apps(machine: Machine) -> Iterator[Lack]:
    for app in machine.apps_without_image:
        yield Lack(
            what=f"app {app} has no image in {machine.topology}",
            fixes=(
                f"add [apps.{app}.container] with image, and with build if the image is built here",
            ),
        )

"""What labs in containers lack on a machine: packages, an engine, images. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chaoslab.runtimes.containers.images import variable
from chaoslab.runtimes.doctor.machine import ImageSeen, Lack, Machine, lacking

STAND_INS = "docker/airgapped/images.sh && . docker/airgapped/images.env"


def lacks(machine: Machine) -> Iterator[Lack]:
    """Yield a Lack for each missing package, for the engine, for missing images, and for each app
    without an image in the topology.
    """
    yield from lacking(*machine.packages)
    yield from engine_lacks(machine)
    for app in machine.apps_without_image:
        yield Lack(
            what=f"app {app} has no image in {machine.topology}",
            fixes=(
                f"add [apps.{app}.container] with image, and with build if the image is built here",
            ),
        )


def engine_lacks(machine: Machine) -> Iterator[Lack]:
    """Yield a Lack for the engine if it was not found, else for the images that it does not
    have.
    """
    yield from lacking(machine.engine)
    wanted = tuple(_wanted(machine.images))
    refused = [image for image in wanted if image.state == "refused"]
    for image in refused:
        yield Lack(
            what=f"{_named(image)} is not on this machine and cannot be pulled: {image.answer}",
            fixes=_fixes([image], [f"set {variable(image.use)}=... to another image"]),
        )
    if absent := [image for image in wanted if image.state == "absent"]:
        are = "is" if len(absent) == 1 else "are"
        yield Lack(
            what=f"{', '.join(map(_named, absent))} {are} not on this machine: pulled at first use",
            fixes=_fixes(absent, [f"docker pull {image.name}" for image in absent]),
            surely=False,
        )


def _wanted(images: tuple[ImageSeen, ...]) -> Iterator[ImageSeen]:
    # The images that the engine lacks, without those that the lab builds on a base that is here.
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

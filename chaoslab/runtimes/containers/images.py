"""Images: which one stands for what, and how one that is absent is had."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chaoslab import services
from chaoslab.agent import build_context
from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.machine.environment import environment
from chaoslab.model.topology import App, Images, Service, Topology
from chaoslab.runtimes.containers.labels import ROLE
from chaoslab.runtimes.containers.problems import told

if TYPE_CHECKING:
    import docker

VARIABLE = "CHAOSLAB_IMAGE_{}"
AGENT = "chaoslab-agent"
_one_build = threading.Lock()


def chosen(topology: Topology) -> Images:
    """The topology's images and those of the kinds that it names none for; each is replaced where
    its environment variable names another.
    """
    machine, images = environment(), topology.images
    usual = {kind.name: kind.image for kind in services.kinds().values() if kind.image}
    own = {use: images.services.get(use, image) for use, image in usual.items()}

    def named(use: str, image: str) -> str:
        return machine.get(variable(use)) or image

    return replace(
        images,
        services={use: named(use, image) for use, image in own.items()},
        toxiproxy=named("toxiproxy", images.toxiproxy),
        python=named("python", images.python),
    )


def uses(images: Images) -> dict[str, str]:
    """Each image by what it is used for: a kind of service, `toxiproxy`, `python`."""
    return {**images.services, "toxiproxy": images.toxiproxy, "python": images.python}


def of_service(service: Service, images: Images) -> str:
    """The image of a service: its own, else its kind's. Raises RuntimeUnavailable for one that
    runs elsewhere already.
    """
    kind = services.kind_of(service.kind)
    if address := kind.elsewhere(service):
        raise RuntimeUnavailable(
            f"services.{service.name}: {address} is reached from this machine, not from containers"
            "\n  declare an image or answers for it, or use --chaos-runtime=local"
        )
    return kind.image_of(service) or images.services.get(kind.name, "")


def variable(use: str) -> str:
    """The environment variable that names another image for that use."""
    return VARIABLE.format(use.upper().replace("-", "_"))


def is_here(engine: docker.DockerClient, image: str) -> bool:
    """Whether the engine has an image of that name."""
    import docker  # noqa: PLC0415

    with told(f"image {image}"):
        try:
            engine.images.get(image)
        except docker.errors.ImageNotFound:
            return False
    return True


def pulled(engine: docker.DockerClient, image: str) -> str:
    """The image, pulled where it is absent. Raises RuntimeUnavailable with the fix."""
    if not is_here(engine, image):
        with told(f"image {image}"):
            engine.images.pull(image)
    return image


def agent_image(engine: docker.DockerClient, base: str) -> str:
    """The agent's image, built where it is absent; its name changes with what is in it."""
    image = f"{AGENT}:{build_context.content_hash()}"
    with _one_build:
        if not is_here(engine, image):
            pulled(engine, base)
            archive = _tar(build_context.files())
            with told(f"building {image} on {base}"):
                engine.images.build(
                    fileobj=archive, custom_context=True, tag=image, rm=True, forcerm=True,
                    buildargs={"BASE": base}, labels={ROLE: "agent"},
                )  # fmt: skip
    return image


def app_image(engine: docker.DockerClient, app: App, base: str) -> str:
    """The app's image: there already, built where the topology says how, else pulled.

    Raises RuntimeUnavailable or ServiceFailed, with the fix, where it cannot be had.
    """
    if app.container is None:
        raise RuntimeUnavailable(
            f"apps.{app.name}: no image: a container requires one\n"
            f"  expected [apps.{app.name}.container] with image,"
            " and with build if the image is built here"
        )
    image, build = app.container.image, app.container.build
    if build is None:
        return pulled(engine, image)
    with _one_build:
        if not is_here(engine, image):
            _check(app.name, Path(build.context), build.dockerfile)
            args: Mapping[str, str] = {"BASE": base, **build.args}
            pulled(engine, args["BASE"])
            with told(f"building {image} for {app.name}"):
                engine.images.build(
                    path=build.context, dockerfile=build.dockerfile, tag=image,
                    rm=True, forcerm=True,  # a step that fails leaves its container otherwise
                    buildargs=dict(args),
                )  # fmt: skip
    return image


def _check(app: str, folder: Path, dockerfile: str) -> None:
    if not (folder / dockerfile).is_file():
        raise ServiceFailed(
            f"apps.{app}.container.build: {dockerfile} not found in {folder}\n"
            "  expected a path inside the context"
        )


def _tar(files: Mapping[str, bytes]) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    packed.seek(0)
    return packed

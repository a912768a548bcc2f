"""Which container image each part uses. A missing image is pulled or built."""

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
from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable, ServiceFailed
from chaoslab.machine.environment import environment
from chaoslab.model.topology import App, Images, Service, Topology
from chaoslab.runtimes.containers.labels import ROLE
from chaoslab.runtimes.containers.problems import engine_errors

if TYPE_CHECKING:
    import docker

ELSEWHERE = ErrorCode(
    "service.elsewhere",
    "{address} is reached from this machine, not from containers",
    "The topology gives a service a URL; the lab's containers cannot reach that address.",
)
NO_IMAGE = ErrorCode(
    "app.no_image", "no image: a container requires one", "The topology names no image for an app."
)
NO_DOCKERFILE = ErrorCode(
    "app.no_dockerfile",
    "{dockerfile} not found in {folder}",
    "The file that builds an app's image does not exist.",
)
VARIABLE = "CHAOSLAB_IMAGE_{}"
AGENT = "chaoslab-agent"
_one_build = threading.Lock()


def chosen(topology: Topology) -> Images:
    """The images that a lab of this topology uses. Each comes from its environment variable, else
    the topology, else the default of its kind of service.
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
    """Maps each use (a kind of service, `toxiproxy`, `python`) to its image."""
    return {**images.services, "toxiproxy": images.toxiproxy, "python": images.python}


def of_service(service: Service, images: Images) -> str:
    """The image of a service: the one it declares, else that of its kind.

    Raises RuntimeUnavailable for a service with a URL, which runs already outside the lab.
    """
    kind = services.kind_of(service.kind)
    if address := kind.elsewhere(service):
        reason, where = ELSEWHERE(address=address), f"services.{service.name}"
        fix = "declare an image or answers for it, or use --chaos-runtime=local"
        raise RuntimeUnavailable(Problem(where=where, reason=reason, fix=fix))
    return kind.image_of(service) or images.services.get(kind.name, "")


def variable(use: str) -> str:
    """The name of the environment variable that sets another image for a use, such as
    `CHAOSLAB_IMAGE_REDIS`.
    """
    return VARIABLE.format(use.upper().replace("-", "_"))


def is_here(engine: docker.DockerClient, image: str) -> bool:
    """Whether the engine has an image of that name."""
    import docker  # noqa: PLC0415

    with engine_errors(f"image {image}"):
        try:
            engine.images.get(image)
        except docker.errors.ImageNotFound:
            return False
    return True


def pulled(engine: docker.DockerClient, image: str) -> str:
    """Pull an image if the engine does not have it; returns its name.

    Raises RuntimeUnavailable, with the fix, if it cannot be pulled.
    """
    if not is_here(engine, image):
        with engine_errors(f"image {image}"):
            engine.images.pull(image)
    return image


def agent_image(engine: docker.DockerClient, base: str) -> str:
    """Build the agent's image if it is missing; returns its name, which has a hash of its files."""
    image = f"{AGENT}:{build_context.content_hash()}"
    with _one_build:
        if not is_here(engine, image):
            pulled(engine, base)
            archive = _tar(build_context.files())
            with engine_errors(f"building {image} on {base}"):
                engine.images.build(
                    fileobj=archive, custom_context=True, tag=image, rm=True, forcerm=True,
                    buildargs={"BASE": base}, labels={ROLE: "agent"},
                )  # fmt: skip
    return image


def app_image(engine: docker.DockerClient, app: App, base: str) -> str:
    """The name of the app's image. A missing one is built if the topology has `build`, else pulled.

    Raises RuntimeUnavailable or ServiceFailed, with the fix.
    """
    if app.container is None:
        table = f"[apps.{app.name}.container]"
        expected = f"{table} with image, and with build if the image is built here"
        where = f"apps.{app.name}"
        raise RuntimeUnavailable(Problem(where=where, reason=NO_IMAGE(), expected=expected))
    image, build = app.container.image, app.container.build
    if build is None:
        return pulled(engine, image)
    with _one_build:
        if not is_here(engine, image):
            _check(app.name, Path(build.context), build.dockerfile)
            args: Mapping[str, str] = {"BASE": base, **build.args}
            pulled(engine, args["BASE"])
            with engine_errors(f"building {image} for {app.name}"):
                engine.images.build(
                    path=build.context, dockerfile=build.dockerfile, tag=image,
                    rm=True, forcerm=True,  # a step that fails leaves its container otherwise
                    buildargs=dict(args),
                )  # fmt: skip
    return image


def _check(app: str, folder: Path, dockerfile: str) -> None:
    if not (folder / dockerfile).is_file():
        reason = NO_DOCKERFILE(dockerfile=dockerfile, folder=str(folder))
        where, expected = f"apps.{app}.container.build", "a path inside the context"
        raise ServiceFailed(Problem(where=where, reason=reason, expected=expected))


def _tar(files: Mapping[str, bytes]) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    packed.seek(0)
    return packed

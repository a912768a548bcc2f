"""The Docker engine of this machine and the images that tests of containers need, or why not.

One place, so that every test that needs an engine is skipped with the same one reason.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.environment import environment
from chaoslab.model.topology import Images
from chaoslab.runtimes.containers.address import engine_address
from chaoslab.runtimes.containers.images import uses, variable
from chaoslab.runtimes.containers.sweeper import KINDS, Engine, EngineError, Thing

_USED = ("postgres", "redis")
_STAND_INS = Path(__file__).parents[1] / "docker" / "airgapped" / "images.env"
_EXPORT = re.compile(r"^export (CHAOSLAB_IMAGE_(\w+))=(\S+)$", re.MULTILINE)


def stand_ins() -> dict[str, str]:
    """The variables that docker/airgapped/images.sh has written, without those already set."""
    written = _STAND_INS.read_text() if _STAND_INS.exists() else ""
    machine = environment()
    return {name: image for name, _, image in _EXPORT.findall(written) if name not in machine}


def images() -> Images:
    """The images of the tests: the environment's, else the stand-ins', else the usual ones."""
    named: Mapping[str, str] = {**stand_ins(), **environment()}
    usual = Images(services={kind: services.kinds()[kind].image for kind in _USED})
    chosen = {use: named.get(variable(use)) or image for use, image in uses(usual).items()}
    own = {use: chosen.pop(use) for use in usual.services}
    return Images(services=own, **chosen)


def engine() -> Engine:
    """The engine by its API. Raises RuntimeUnavailable or EngineError where none answers."""
    address = engine_address()
    return Engine(address.url, certificates=address.certificates, timeout_s=30.0)


@functools.cache
def why_not() -> str:
    """Why tests of containers cannot run here; empty where they can."""
    if find_spec("testcontainers") is None or find_spec("docker") is None:
        return "needs the extra `containers` (`pip install 'chaoslab[containers]'`)"
    try:
        here = engine()
        here.read("/_ping")
    except (EngineError, RuntimeUnavailable) as error:
        return f"needs a Docker engine: {str(error).splitlines()[0]}"
    for image in uses(images()).values():
        try:
            here.read(f"/images/{image}/json")
        except EngineError:
            return (
                f"needs the image {image} (`docker pull {image}`, or docker/airgapped/images.sh "
                "where no registry can be reached)"
            )
    return ""


def needs_engine() -> None:
    """Skip the test, or whatever the fixture is for, where containers cannot be had."""
    if reason := why_not():
        pytest.skip(reason)


def things_of(label: str) -> list[Thing]:
    """Every container, network and volume that carries that label, as in `name=value`."""
    return [thing for kind in KINDS for thing in engine().things(kind, label)]

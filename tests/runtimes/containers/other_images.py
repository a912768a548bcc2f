"""The images of the other kinds of service, for the tests that run them in containers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_here import engine, images, stand_ins

from chaoslab import services
from chaoslab.machine.environment import environment
from chaoslab.model.topology import Service
from chaoslab.runtimes.containers.images import of_service, variable
from chaoslab.runtimes.containers.sweeper import EngineError
from chaoslab.services.base import AGENT_IMAGE

NAMED = {**stand_ins(), **environment()}
IMAGES = replace(
    images(),
    services={
        **images().services,
        **{k: NAMED.get(variable(k)) or services.TABLE[k].image for k in ("mysql", "rabbitmq")},
    },
)


def is_here(service: Service) -> bool:
    """Whether the engine has the image of a service."""
    image = of_service(service, IMAGES)
    if image == AGENT_IMAGE:
        return True
    try:
        engine().read(f"/images/{image}/json")
    except EngineError:
        return False
    return True


def needs_image(service: Service) -> None:
    """Skip, with the reason, where the image of a service is not here."""
    image = of_service(service, IMAGES)
    if not is_here(service):
        pytest.skip(
            f"needs the image {image} (`docker pull {image}`, or docker/airgapped/images.sh)"
        )

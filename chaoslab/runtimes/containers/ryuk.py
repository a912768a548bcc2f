"""Testcontainers' own cleaner, Ryuk: used beside the lab's switch if its image is on the machine.

The lab's switch removes a session after any death of the lab. Ryuk is a second safeguard, which
runs in the engine. Pulling its image would slow down the first run, and fail without a registry; so
it is pulled only if the user enables Ryuk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaoslab.machine.environment import environment
from chaoslab.runtimes.containers.images import is_here

if TYPE_CHECKING:
    import docker

_VARIABLE = "TESTCONTAINERS_RYUK_DISABLED"


def settle_ryuk(engine: docker.DockerClient) -> bool:
    """Decide whether Testcontainers starts Ryuk with the first container; returns the decision.

    TESTCONTAINERS_RYUK_DISABLED decides if it is set, or `ryuk.disabled` in Testcontainers'
    properties file; else Ryuk is used if the engine has its image.
    """
    from testcontainers.core.config import testcontainers_config as config  # noqa: PLC0415

    if _VARIABLE not in environment() and "ryuk.disabled" not in config.tc_properties:
        config.ryuk_disabled = not is_here(engine, config.ryuk_image)
    return not config.ryuk_disabled

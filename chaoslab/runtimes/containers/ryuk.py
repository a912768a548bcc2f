"""Testcontainers' own reaper, Ryuk: used beside the lab's switch where its image is at hand.

The switch alone takes a session away after any death of the lab. Ryuk adds a second hand that
lives in the engine, outside of the lab's machine; but pulling an image for it would make every
first run slower and would fail where no registry is, so it is never pulled unless asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaoslab.machine.environment import environment
from chaoslab.runtimes.containers.images import is_here

if TYPE_CHECKING:
    import docker

_ASKED = "TESTCONTAINERS_RYUK_DISABLED"


def settle_ryuk(engine: docker.DockerClient) -> bool:
    """Decide whether Testcontainers starts Ryuk with the first container; returns the decision.

    TESTCONTAINERS_RYUK_DISABLED decides where it is set (or `ryuk.disabled` of Testcontainers' own
    file of properties); else Ryuk is used if the engine has its image already.
    """
    from testcontainers.core.config import testcontainers_config as config  # noqa: PLC0415

    if _ASKED not in environment() and "ryuk.disabled" not in config.tc_properties:
        config.ryuk_disabled = not is_here(engine, config.ryuk_image)
    return not config.ryuk_disabled

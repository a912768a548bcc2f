"""MySQL's kind in a container: the same that every kind keeps, in as few tests as will show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from engine_here import engine, needs_engine, stand_ins
from services.here import MYSQL, keep, words

from chaoslab import services
from chaoslab.machine.environment import environment
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.runtimes.containers.sweeper import EngineError
from runtimes.stacks import TOPOLOGY

VARIABLE = "CHAOSLAB_IMAGE_MYSQL"


@pytest.fixture
def session() -> Iterator[DockerSession]:
    """A stack whose services may be of kind mysql."""
    needs_engine()
    image = {**stand_ins(), **environment()}.get(VARIABLE) or services.TABLE["mysql"].image
    try:
        engine().read(f"/images/{image}/json")
    except EngineError:
        pytest.skip(
            f"needs the image {image} (`docker pull {image}`, or docker/airgapped/images.sh)"
        )
    named = replace(TOPOLOGY.images, services={**TOPOLOGY.images.services, "mysql": image})
    topology = replace(TOPOLOGY, services={"mysql": MYSQL}, apps={}, connectors={}, images=named)
    made = DockerSession(topology, "toxiproxy")
    yield made
    made.close()


async def test_a_lab_has_a_database_of_its_own_that_outlives_the_servers_death(
    session: DockerSession,
) -> None:
    """What was acknowledged is there after a kill; the next lab begins with nothing."""
    async with session.lab() as lab:
        server = await lab.start_service(MYSQL)
        url = server.url(server.endpoint)
        assert server.version.startswith(("MariaDB ", "MySQL "))
        await keep("mysql", url, "kept")
        await server.kill()
        assert (await server.ask(within_s=2.0)).outcome == "refused"
        await server.start()
        assert await words("mysql", url) == {"kept"}
        await server.pause()
        assert (await server.ask(within_s=0.5)).outcome == "silent"
        await server.resume()
        assert (await server.ask(within_s=2.0)).outcome == "answered"
    async with session.lab() as lab:
        server = await lab.start_service(MYSQL)
        url = server.url(server.endpoint)
        await keep("mysql", url, "new")
        assert await words("mysql", url) == {"new"}

"""Kinds of services besides Postgres and Redis in containers, all in one session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from engine_here import needs_engine
from services.here import MYSQL, RABBITMQ, keep, words

from chaoslab.model.topology import Service
from chaoslab.runtimes.compose.stack import environment_of
from chaoslab.runtimes.containers.service import ContainerService
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.services import kind_of
from runtimes.stacks import TOPOLOGY

from .other_images import IMAGES, is_here, needs_image

TCP = Service(
    name="cache",
    kind="tcp",
    settings={
        "image": IMAGES.services["redis"], "port": 6379, "question": "PING\r\n", "answer": "+PONG",
    },
)  # fmt: skip
HTTP = Service(
    name="files",
    kind="http",
    settings={
        "image": IMAGES.python, "port": 8000,
        "image_command": ["python", "-m", "http.server", "8000"],
    },
)  # fmt: skip
ANSWERS = Service(
    name="payment",
    kind="http",
    settings={"answers": {"/charge": {"status": 201, "body": "charged"}}},
)
EVERY = (MYSQL, RABBITMQ, TCP, HTTP, ANSWERS)


@pytest.fixture(scope="module")
def session() -> Iterator[DockerSession]:
    """One stack of every service whose image is here."""
    needs_engine()
    used = {each.name: each for each in EVERY if is_here(each)}
    topology = replace(TOPOLOGY, services=used, apps={}, connectors={}, images=IMAGES)
    made = DockerSession(topology, "toxiproxy")
    yield made
    made.close()


async def seen(server: ContainerService) -> str:
    """What a canary observes."""
    return (await server.ask(within_s=1.0)).outcome


async def test_the_database_of_a_lab_outlives_a_kill_of_its_server(
    session: DockerSession,
) -> None:
    """Acknowledged data are there after a kill; the next lab starts with an empty database."""
    needs_image(MYSQL)
    async with session.lab() as lab:
        server = await lab.start_service(MYSQL)
        url = server.url(server.endpoint)
        await keep("mysql", url, "kept")
        await server.kill()
        assert await seen(server) == "refused"
        await server.start()
        assert await words("mysql", url) == {"kept"}
        await server.pause()
        assert await seen(server) == "silent"
        await server.resume()
        assert await seen(server) == "answered"
    async with session.lab() as lab:
        server = await lab.start_service(MYSQL)
        url = server.url(server.endpoint)
        await keep("mysql", url, "new")
        assert await words("mysql", url) == {"new"}


@pytest.mark.parametrize("service", [MYSQL, RABBITMQ], ids=lambda each: each.name)
async def test_each_lab_has_an_empty_place_of_its_own_also_in_a_stack(
    session: DockerSession, service: Service
) -> None:
    """It is removed after the lab; the place of another lab is not changed."""
    needs_image(service)
    stack = kind_of(service.kind).stack
    assert stack is not None
    async with session.lab() as lab:
        running = await lab.start_service(service)
        reached = lab.stack.servers[service.name]
        server = stack(service, environment_of(reached.container))
        product = await asyncio.to_thread(server.prepare, reached.access)
        assert product.startswith(("MariaDB ", "MySQL ", "RabbitMQ "))
        assert running.version.startswith(product)
        await asyncio.to_thread(server.fresh, reached.access, "one_lab")
        own, other = server.url(running.endpoint, "one_lab"), running.url(running.endpoint)
        await keep(service.kind, other, "theirs")
        await keep(service.kind, own, "ours")
        assert await words(service.kind, own) == {"ours"}
        await asyncio.to_thread(server.clear, reached.access, "one_lab")
        with pytest.raises(Exception, match="one_lab"):
            await words(service.kind, own)
        assert await words(service.kind, other) == {"theirs"}


@pytest.mark.parametrize("service", [TCP, HTTP, ANSWERS], ids=lambda each: each.name)
async def test_a_declared_server_is_killed_started_and_paused(
    session: DockerSession, service: Service
) -> None:
    """Always at the same port; a canary observes each state."""
    needs_image(service)
    async with session.lab() as lab:
        server = await lab.start_service(service)
        url = server.url(server.endpoint)
        assert url == f"{service.kind}://{server.endpoint}"
        assert await seen(server) == "answered"
        if service == ANSWERS:
            async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
                charged = await client.post("/charge")
                assert (charged.status_code, charged.text) == (201, "charged")
        await server.kill()
        assert await seen(server) == "refused"
        await server.start()
        await server.pause()
        assert await seen(server) == "silent"
        await server.resume()
        assert await seen(server) == "answered"

"""Names, passwords and extensions that services declare hold in containers, in each lab anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
import redis
from engine_here import needs_engine
from services.here import MYSQL, RABBITMQ, keep, words

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.topology import Service
from chaoslab.runtimes.containers.service import ContainerService
from chaoslab.runtimes.containers.session import DockerSession
from chaoslab.services import kind_of, url_values
from runtimes.clients import Client
from runtimes.stacks import TOPOLOGY

from .other_images import IMAGES, is_here, needs_image

AWKWARD = "p@ss/w:rd% \\"
POSTGRES = Service(
    name="postgres",
    kind="postgres",
    settings={
        "database": "My shop", "user": "shop", "password": AWKWARD, "extensions": ["pgcrypto"],
    },
)  # fmt: skip
REDIS = Service(name="redis", kind="redis", settings={"password": AWKWARD})
SHOP = replace(MYSQL, settings={"database": "my_shop", "user": "shop", "password": AWKWARD})
QUEUE = replace(RABBITMQ, settings={"vhost": "/", "user": "shop", "password": "p@ss/w:rd%"})
EVERY = (POSTGRES, REDIS, SHOP, QUEUE)


@pytest.fixture(scope="module")
def session() -> Iterator[DockerSession]:
    """One stack of every service whose image is here."""
    needs_engine()
    used = {each.name: each for each in EVERY if is_here(each)}
    topology = replace(TOPOLOGY, services=used, apps={}, connectors={}, images=IMAGES)
    made = DockerSession(topology, "toxiproxy")
    yield made
    made.close()


async def write(running: ContainerService, word: str) -> None:
    """Write a word as an app would, by the service's URL."""
    if running.service.kind in ("postgres", "redis"):
        async with Client(running) as client:
            await client.keep(word)
    else:
        await keep(running.service.kind, running.url(running.endpoint), word)


async def written(running: ContainerService) -> set[str]:
    """The words that were written."""
    if running.service.kind in ("postgres", "redis"):
        async with Client(running) as client:
            return await client.words()
    return await words(running.service.kind, running.url(running.endpoint))


@pytest.mark.parametrize("service", EVERY, ids=lambda each: each.kind)
async def test_each_lab_has_an_empty_place_with_the_declared_names(
    session: DockerSession, service: Service
) -> None:
    """Also when the lab before it has written there; placeholders have the declared values."""
    needs_image(service)
    for word in ("first", "second"):
        async with session.lab() as lab:
            running = await lab.start_service(service)
            await write(running, word)
            assert await written(running) == {word}
            values = url_values(service, running.url(running.endpoint), [])
            for name in ("database", "user", "password", "vhost"):
                if name in service.settings:
                    assert values[f"{service.name}.{name}"] == service.settings[name]


async def test_the_declared_extensions_are_there_and_the_password_is_checked(
    session: DockerSession,
) -> None:
    """The user of Postgres is no superuser. Another password does not get in."""
    async with session.lab() as lab:
        running = await lab.start_service(POSTGRES)
        url = running.url(running.endpoint)
        async with await psycopg.AsyncConnection.connect(url) as client:
            query = "SELECT usesuper, gen_random_bytes(4) FROM pg_user WHERE usename = current_user"
            row = await (await client.execute(query)).fetchone()
            assert row is not None
            assert row[0] is False
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await psycopg.AsyncConnection.connect(url.replace("p%40ss", "pass"))


async def test_redis_requires_its_password_also_after_a_restart(session: DockerSession) -> None:
    """The lab waits until it has loaded its data; the password is on no command line."""
    async with session.lab() as lab:
        running = await lab.start_service(REDIS)
        await write(running, "kept")
        await running.kill()
        await running.start()
        assert await written(running) == {"kept"}
        command = await asyncio.to_thread(lambda: str(running.container.attrs["Config"]["Cmd"]))
        assert "p@ss" not in command
        with pytest.raises(redis.AuthenticationError):
            await asyncio.to_thread(redis.Redis(port=running.endpoint.port).ping)


async def test_a_server_of_a_stack_gets_the_extensions_and_is_not_changed_otherwise(
    session: DockerSession,
) -> None:
    """The user and the password are those of its container; the database is the lab's own."""
    stack = kind_of("postgres").stack
    assert stack is not None
    async with session.lab() as lab:
        running = await lab.start_service(POSTGRES)
        access = lab.stack.servers["postgres"].access
        env = {"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": "chaoslab"}
        server = stack(POSTGRES, env)
        await asyncio.to_thread(server.prepare, access)
        await asyncio.to_thread(server.fresh, access, "one_lab")
        url = server.url(Endpoint(host="127.0.0.1", port=running.endpoint.port), "one_lab")
        assert "postgres:chaoslab@" in url
        async with await psycopg.AsyncConnection.connect(url) as client:
            row = await (await client.execute("SELECT gen_random_bytes(4)")).fetchone()
            assert row is not None
        await asyncio.to_thread(server.clear, access, "one_lab")
        lacking = replace(POSTGRES, settings={"extensions": ["no_such_thing"]})
        with pytest.raises(RuntimeUnavailable) as caught:
            await asyncio.to_thread(stack(lacking, env).prepare, access)
        (problem,) = caught.value.problems
        assert problem.code == "service.no_extension"
        assert problem.where == "services.postgres.extensions"


async def test_redis_of_a_stack_is_used_by_the_declared_password(session: DockerSession) -> None:
    """In a numbered database of its own."""
    stack = kind_of("redis").stack
    assert stack is not None
    async with session.lab() as lab:
        running = await lab.start_service(REDIS)
        access, server = lab.stack.servers["redis"].access, stack(REDIS, {})
        assert await server.answers(access.port)
        await asyncio.to_thread(server.prepare, access)
        await asyncio.to_thread(server.fresh, access, "one_lab")
        assert server.url(running.endpoint, "one_lab").endswith("/15")
        await asyncio.to_thread(server.clear, access, "one_lab")


async def test_a_lacking_extension_is_reported_in_each_lab(session: DockerSession) -> None:
    """Not as another error in the second one."""
    lacking = replace(POSTGRES, settings={"extensions": ["no_such_thing"], "user": "another"})
    own = kind_of("postgres").container
    assert own is not None
    async with session.lab() as lab:
        await lab.start_service(POSTGRES)
        access = lab.stack.servers["postgres"].access
        for _ in range(2):
            with pytest.raises(RuntimeUnavailable) as caught:
                await asyncio.to_thread(own(lacking).prepare, access)
            assert [each.code for each in caught.value.problems] == ["service.no_extension"]

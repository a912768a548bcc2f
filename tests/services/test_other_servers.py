"""Real servers of this machine, MariaDB or MySQL and RabbitMQ: what every kind must do."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from chaoslab.model.requests import Found
from chaoslab.model.topology import Service
from chaoslab.preflight.connect import Address
from chaoslab.runtimes.base import RunningService
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import kind_of
from chaoslab.services.base import TalkFailed
from chaoslab.services.path import Ended, PathProgress, Target

from .here import MYSQL, RABBITMQ, keep, mysql, needs_program, words

# One server for all tests of a kind: a start of RabbitMQ takes seconds of processor time.
pytestmark = pytest.mark.asyncio(loop_scope="module")
ONLY_MYSQL = pytest.mark.parametrize("server", [MYSQL], indirect=True, ids=["mysql"])


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[MYSQL, RABBITMQ], ids=["mysql", "rabbitmq"]
)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[RunningService]:
    """A server that answers."""
    service: Service = request.param
    needs_program(service)
    async with LocalRuntime() as runtime:
        yield await runtime.start_service(service)


def target(server: RunningService) -> Target:
    """The target of its URL, as from a variable of a deployment."""
    dialogue = kind_of(server.service.kind).dialogue
    assert dialogue is not None
    (found,) = dialogue.targets("app.it", server.url(server.endpoint), "URL", lambda _: "")
    assert isinstance(found, Target)
    return found


async def walked(target: Target) -> str:
    """The outcome of the path, from an open connection on."""
    dialogue = kind_of(target.kind).dialogue
    assert dialogue is not None
    at = (target.host, target.port)
    with socket.create_connection(at) as sock:
        try:
            await dialogue.walk(
                PathProgress(5.0), target, sock, Address(family=socket.AF_INET, at=at)
            )
        except Ended as end:
            return end.outcome
    return "answered"


async def test_the_version_of_the_program_is_that_of_the_server(server: RunningService) -> None:
    """Both have the same product and number."""
    about = kind_of(server.service.kind).about
    assert about is not None
    asked = await about(server.url(server.endpoint))
    assert re.match(r"(MariaDB|MySQL|RabbitMQ) \d+\.\d+", asked)
    assert server.version.startswith(asked)


async def test_each_outcome_of_a_path_has_its_name(server: RunningService) -> None:
    """A log-in, a wrong password, and a database or virtual host that does not exist."""
    there = target(server)
    assert await walked(there) == "answered"
    assert await walked(replace(there, password="wrong")) == "wrong credentials"
    missing = await walked(replace(there, database="elsewhere"))
    # MySQL gives this answer to a user without rights on the database, whether or not it exists.
    assert missing == {"mysql": "wrong credentials", "rabbitmq": "missing database"}[there.kind]


@asynccontextmanager
async def paused(server: RunningService) -> AsyncIterator[None]:
    """It runs again after the block, so that no other test waits for it for ever."""
    await server.pause()
    try:
        yield
    finally:
        await server.resume()


async def test_a_paused_server_is_silent_until_it_is_resumed(server: RunningService) -> None:
    """The kernel still accepts connections for it."""
    async with paused(server):
        assert (await server.ask(within_s=0.3)).outcome == "silent"
    assert (await server.ask(within_s=2.0)).outcome == "answered"


async def test_acknowledged_data_outlive_a_kill_and_a_stop(
    server: RunningService,
) -> None:
    """On the same port, with the same URL."""
    url = server.url(server.endpoint)
    # RabbitMQ confirms a queue's declaration before it is on the disk, where a stop writes it.
    await keep(server.service.kind, url, "first")
    await server.stop()
    await server.start()
    for way in ("kill", "stop"):
        await keep(server.service.kind, url, way)
        await getattr(server, way)()
        assert (await server.ask(within_s=2.0)).outcome == "refused"
        await server.start()
    assert await words(server.service.kind, url) == {"first", "kill", "stop"}


@ONLY_MYSQL
async def test_the_clients_of_its_database_are_counted(server: RunningService) -> None:
    """Without the lab's own session and canaries."""
    url = server.url(server.endpoint)
    counts = kind_of("mysql").count_clients
    assert counts is not None
    session = await counts(url)
    assert await session.count() == 0
    with mysql(url), mysql(url):
        await server.ask(within_s=2.0)
        assert await session.count() == 2
    session.hang_up()
    with pytest.raises(TalkFailed):
        await session.count()
    await session.close()


@ONLY_MYSQL
async def test_the_statements_of_all_its_clients_are_counted(server: RunningService) -> None:
    """With the lab's own question."""
    url = server.url(server.endpoint)
    counter = kind_of("mysql").count_commands
    assert counter is not None
    session = await counter.open(url)
    first = await session.count()
    with mysql(url) as connection, connection.cursor() as cursor:
        for _ in range(50):
            cursor.execute("SELECT 1")
    assert 50 <= await session.count() - first < 70
    await session.close()


@ONLY_MYSQL
async def test_a_query_to_a_paused_server_ends_when_the_session_hangs_up(
    server: RunningService,
) -> None:
    """No thread waits for ever."""
    counts = kind_of("mysql").count_clients
    assert counts is not None
    session = await counts(server.url(server.endpoint))
    async with paused(server):
        asked = asyncio.create_task(session.count())
        done, _ = await asyncio.wait([asked], timeout=0.2)
        assert not done
        session.hang_up()
        with pytest.raises(TalkFailed):
            await asyncio.wait_for(asked, 2.0)
    await session.close()


@ONLY_MYSQL
@pytest.mark.parametrize("column", ["char(36)", "varchar(64)", "binary(16)"])
async def test_rows_are_found_by_their_ids(server: RunningService, column: str) -> None:
    """As text or as the sixteen bytes of a UUID; found once, twice, or not at all."""
    url, table = server.url(server.endpoint), f"t{re.sub(r'[^a-z0-9]', '', column)}"
    once, twice, never = (str(uuid.uuid4()) for _ in range(3))
    with mysql(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {table} (`the id` {column})")
        for op in (once, twice, twice):
            value = uuid.UUID(op).bytes if "binary" in column else op
            cursor.execute(f"INSERT INTO {table} VALUES (%s)", [value])
    place = Found(service="mysql", table=table, column="the id")
    opened = kind_of("mysql").rows
    assert opened is not None
    rows = await opened(url)
    assert await rows.found(place, [once, twice, never]) == {once: 1, twice: 2}
    assert await rows.found(place, []) == {}
    with pytest.raises(TalkFailed, match="no column the id in table elsewhere"):
        await rows.found(replace(place, table="elsewhere"), [once])
    await rows.close()


@ONLY_MYSQL
async def test_a_canary_does_not_count_as_a_connection_error(server: RunningService) -> None:
    """After a hundred of these the server blocks the host, which is also the app's."""
    url = server.url(server.endpoint)
    with mysql(url) as connection, connection.cursor() as cursor:

        def errors() -> int:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Aborted_connects_preauth'")
            return int(dict(cursor.fetchall()).get("Aborted_connects_preauth", 0))

        before = errors()
        for _ in range(5):
            assert (await server.ask(within_s=2.0)).outcome == "answered"
        # A client that came after the canaries is served: so are the canaries.
        with mysql(url):
            assert errors() == before


@pytest.mark.parametrize("server", [RABBITMQ], indirect=True, ids=["rabbitmq"])
async def test_no_daemon_of_erlang_is_started(server: RunningService) -> None:
    """epmd would outlive the lab."""
    del server
    assert not [pid for pid in _named("epmd") if _is_below(pid, "chaoslab-")]


def _named(name: str) -> list[int]:
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if _read(pid, "comm").strip() == name]


def _is_below(pid: int, mark: str) -> bool:
    return mark in _read(pid, "environ")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""

"""MariaDB or MySQL, and RabbitMQ: real servers of this machine, held to what every kind keeps."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from chaoslab.model.topology import Service, WriteContract
from chaoslab.preflight.connect import Address
from chaoslab.runtimes.base import RunningService
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import kind_of
from chaoslab.services.base import TalkFailed
from chaoslab.services.path import Ended, PathProgress, Target

from .here import MYSQL, RABBITMQ, keep, mysql, needs_program, words

# One server for the tests of a kind: RabbitMQ needs seconds of computing to start.
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
    """Where its URL leads, as a deployment's variable would say it."""
    dialogue = kind_of(server.service.kind).dialogue
    assert dialogue is not None
    (found,) = dialogue.targets("app.it", server.url(server.endpoint), "URL", lambda _: "")
    assert isinstance(found, Target)
    return found


async def walked(target: Target) -> str:
    """How the path ends, from a connection on."""
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


async def test_it_is_as_it_says(server: RunningService) -> None:
    """Product and number by its program, and by a session of it, agree."""
    about = kind_of(server.service.kind).about
    assert about is not None
    asked = await about(server.url(server.endpoint))
    assert re.match(r"(MariaDB|MySQL|RabbitMQ) \d+\.\d+", asked)
    assert server.version.startswith(asked)


async def test_each_end_of_a_path_has_its_name(server: RunningService) -> None:
    """A log-in, a wrong password, and a database or virtual host that is not there."""
    there = target(server)
    assert await walked(there) == "answered"
    assert await walked(replace(there, password="wrong")) == "wrong credentials"
    missing = await walked(replace(there, database="elsewhere"))
    # MySQL tells a user without rights on a database no more than that.
    assert missing == {"mysql": "wrong credentials", "rabbitmq": "missing database"}[there.kind]


async def test_a_paused_server_is_silent_and_comes_back(server: RunningService) -> None:
    """The kernel accepts for it; nothing answers."""
    await server.pause()
    assert (await server.ask(within_s=0.3)).outcome == "silent"
    await server.resume()
    assert (await server.ask(within_s=2.0)).outcome == "answered"


async def test_what_was_acknowledged_is_there_after_a_kill_and_a_stop(
    server: RunningService,
) -> None:
    """On the same port, with the same URL."""
    url = server.url(server.endpoint)
    for way in ("kill", "stop"):
        await keep(server.service.kind, url, way)
        await getattr(server, way)()
        assert (await server.ask(within_s=2.0)).outcome == "refused"
        await server.start()
    assert await words(server.service.kind, url) == {"kill", "stop"}


@ONLY_MYSQL
async def test_the_clients_of_its_database_are_counted(server: RunningService) -> None:
    """Neither the lab's own session nor a canary is one of them."""
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
async def test_a_question_to_a_paused_server_ends_when_it_is_given_up(
    server: RunningService,
) -> None:
    """No thread waits for ever: the session hangs up."""
    counts = kind_of("mysql").count_clients
    assert counts is not None
    session = await counts(server.url(server.endpoint))
    await server.pause()
    asked = asyncio.create_task(session.count())
    done, _ = await asyncio.wait([asked], timeout=0.2)
    assert not done
    session.hang_up()
    with pytest.raises(TalkFailed):
        await asyncio.wait_for(asked, 2.0)
    await server.resume()
    await session.close()


@ONLY_MYSQL
@pytest.mark.parametrize("column", ["char(36)", "varchar(64)", "binary(16)"])
async def test_rows_are_found_by_their_ids(server: RunningService, column: str) -> None:
    """As text or as the sixteen bytes of a UUID; once, twice, or not at all."""
    url, table = server.url(server.endpoint), f"t{re.sub(r'[^a-z0-9]', '', column)}"
    once, twice, never = (str(uuid.uuid4()) for _ in range(3))
    with mysql(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {table} (`the id` {column})")
        for op in (once, twice, twice):
            value = uuid.UUID(op).bytes if "binary" in column else op
            cursor.execute(f"INSERT INTO {table} VALUES (%s)", [value])
    contract = WriteContract(
        service="mysql", create_path="/", create_body={}, table=table, id_column="the id"
    )
    opened = kind_of("mysql").rows
    assert opened is not None
    rows = await opened(url)
    assert await rows.found(contract, [once, twice, never]) == {once: 1, twice: 2}
    assert await rows.found(contract, []) == {}
    with pytest.raises(TalkFailed, match="no column the id in table elsewhere"):
        await rows.found(replace(contract, table="elsewhere"), [once])
    await rows.close()


@ONLY_MYSQL
async def test_a_canary_is_no_connection_error(server: RunningService) -> None:
    """After a hundred of them a server blocks the host that they come from, and so the app's."""
    url = server.url(server.endpoint)
    with mysql(url) as connection, connection.cursor() as cursor:

        def errors() -> int:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Aborted_connects_preauth'")
            return int(dict(cursor.fetchall()).get("Aborted_connects_preauth", 0))

        before = errors()
        for _ in range(5):
            assert (await server.ask(within_s=2.0)).outcome == "answered"
        # The server has served the canaries once it has served a client that came after them.
        with mysql(url):
            assert errors() == before


@pytest.mark.parametrize("server", [RABBITMQ], indirect=True, ids=["rabbitmq"])
async def test_no_daemon_of_erlangs_is_started(server: RunningService) -> None:
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

"""What a server itself counts: the app's sessions, and not the lab's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from chaoslab.history.events import ProbeCrashed, ServerConnections
from chaoslab.history.journal import Journal
from chaoslab.machine.sockets import sockets_of
from chaoslab.model.topology import Service
from chaoslab.probes.base import guarded
from chaoslab.probes.connections import ConnectionsProbe
from chaoslab.runtimes.base import RunningService
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services.base import OWN_NAME

from .rig import PATIENCE_S, until

Kind = Literal["postgres", "redis"]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that do answer: one that stalls with its machine would pass for silent."""
    monkeypatch.setattr("chaoslab.probes.connections.ANSWER_WITHIN_S", PATIENCE_S)


@asynccontextmanager
async def counting(folder: Path, kind: Kind) -> AsyncIterator[tuple[RunningService, Journal]]:
    """A real server under the probe, which has begun."""
    journal = Journal(folder / "history.jsonl")
    try:
        async with LocalRuntime() as runtime:
            service = await runtime.start_service(Service(name=kind, kind=kind))
            probe = ConnectionsProbe(service, journal)
            await probe.begin()
            running = asyncio.create_task(guarded("clients", probe.run(), journal))
            yield service, journal
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert not list(journal.history.of(ProbeCrashed))
    finally:
        journal.close()


async def a_session(stack: AsyncExitStack, service: RunningService) -> None:
    """A client's connection, open until the stack's end."""
    if service.service.kind == "postgres":
        url = service.url(service.endpoint)
        await stack.enter_async_context(await psycopg.AsyncConnection.connect(url))
        return
    _, writer = await asyncio.open_connection(service.endpoint.host, service.endpoint.port)
    stack.callback(writer.close)


async def counted(journal: Journal, *counts: int | None) -> None:
    """Wait until these are the last counts, in this order."""
    await until(journal, lambda _: tuple(seen(journal)[-len(counts) :]) == counts)


def seen(journal: Journal) -> list[int | None]:
    return [event.count for event in journal.history.of(ServerConnections)]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_a_servers_clients_are_counted_first_and_on_each_change(
    tmp_path: Path, kind: Kind
) -> None:
    """The probe's own session is none of them."""
    async with counting(tmp_path, kind) as (service, journal):
        assert seen(journal) == [0]
        async with AsyncExitStack() as one:
            await a_session(one, service)
            await counted(journal, 0, 1)
            async with AsyncExitStack() as two:
                await a_session(two, service)
                await counted(journal, 0, 1, 2)
            await counted(journal, 2, 1)
        await counted(journal, 1, 0)
    assert {e.service for e in journal.history.of(ServerConnections)} == {kind}


@pytest.mark.usefixtures("patient")
async def test_sessions_that_bear_the_labs_name_are_left_out(tmp_path: Path) -> None:
    """A look for a write comes and goes while a level is watched."""
    async with counting(tmp_path, "postgres") as (service, journal):
        url = service.url(service.endpoint)
        async with (
            await psycopg.AsyncConnection.connect(url, application_name=OWN_NAME),
            await psycopg.AsyncConnection.connect(url),
        ):
            await counted(journal, 0, 1)
            await asyncio.sleep(0.5)  # several looks at a level that stays
            assert seen(journal) == [0, 1]


@pytest.mark.usefixtures("patient")
async def test_other_databases_of_a_shared_server_are_not_counted(tmp_path: Path) -> None:
    """Each lab has a database of its own on a server that many share."""
    async with counting(tmp_path, "postgres") as (service, journal):
        other = service.url(service.endpoint).replace("/chaoslab?", "/postgres?")
        async with await psycopg.AsyncConnection.connect(other):
            await asyncio.sleep(0.5)  # several looks
            assert seen(journal) == [0]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_a_stopped_server_cannot_be_asked_and_is_asked_again_when_it_is_back(
    tmp_path: Path, kind: Kind
) -> None:
    """None once, then the new session's count."""
    async with counting(tmp_path, kind) as (service, journal):
        await service.stop()
        await counted(journal, 0, None)
        await asyncio.sleep(0.3)  # several tries to come back
        assert seen(journal) == [0, None]
        await service.start()
        await until(journal, lambda _: seen(journal)[-1] == 0)
        async with AsyncExitStack() as one:
            await a_session(one, service)
            await until(journal, lambda _: seen(journal)[-1] == 1)


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_a_frozen_server_is_unknown_until_it_goes_on(tmp_path: Path, kind: Kind) -> None:
    """Silence is no count; the question that was asked is answered when it thaws."""
    async with counting(tmp_path, kind) as (service, journal):
        await service.pause()
        await counted(journal, 0, None)
        await service.resume()
        await until(journal, lambda _: seen(journal)[-1] == 0)


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_the_end_of_a_run_with_a_frozen_server_is_bounded(tmp_path: Path, kind: Kind) -> None:
    """Whatever the server does, the probe lets go."""
    async with counting(tmp_path, kind) as (service, journal):
        await service.pause()
        await counted(journal, 0, None)
        begun_s = asyncio.get_running_loop().time()
    # a frozen server is ended by signals in a second or two; a query that is taken back takes ten
    assert asyncio.get_running_loop().time() - begun_s < 8.0


@pytest.mark.parametrize("kind", ["postgres", "redis"])
async def test_a_first_look_that_is_cancelled_lets_go_of_the_server(
    tmp_path: Path, kind: Kind
) -> None:
    """Ctrl-C may come while canaries are waited for; nobody looks again then."""
    journal = Journal(tmp_path / "history.jsonl")
    async with LocalRuntime() as runtime, AsyncExitStack() as one:
        service = await runtime.start_service(Service(name=kind, kind=kind))
        await a_session(one, service)
        before = connections(service)
        probe = ConnectionsProbe(service, journal)
        beginning = asyncio.create_task(probe.begin())
        for _ in range(1000):
            await asyncio.sleep(0.005)
            if (
                probe._clients._session is not None
            ):  # a login that is cancelled is psycopg's to let go of
                break
        assert connections(service) > before
        beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=True)
        assert beginning.cancelled()
        await asyncio.sleep(0)
        assert connections(service) == before
    journal.close()


def connections(service: RunningService) -> int:
    """How many to that server this process has open."""
    port = service.endpoint.port
    return sum(s.remote_port == port for s in sockets_of(os.getpid()))

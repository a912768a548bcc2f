"""The last messages of a Postgres connection, as the engine records them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
import pytest

from chaoslab import Restarted, Severed
from chaoslab.clock import now_s
from chaoslab.evidence.observations import ENDED_BY_SERVICE
from chaoslab.faults.evidence import evidence_of
from chaoslab.history.events import LinkConnection
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare

from .rig import PATIENCE_S, TOPOLOGY

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = "app.postgres"


async def connect(context: Context) -> psycopg.AsyncConnection[tuple[object, ...]]:
    """A connection through the link's proxy."""
    url = context.services["postgres"].url(context.addresses[LINK])
    return await psycopg.AsyncConnection.connect(url, autocommit=True)


def port_of(client: psycopg.AsyncConnection[tuple[object, ...]]) -> int:
    """The local port of a connection, by which the engine's record is found."""
    with socket.socket(fileno=client.fileno()) as borrowed:
        port = int(borrowed.getsockname()[1])
        borrowed.detach()
    return port


async def test_a_postgres_that_stops_announces_it_on_idle_and_busy_connections(
    context: Context,
) -> None:
    """A connection that was closed before gets no such message."""
    idle, busy, over = [await connect(context) for _ in range(3)]
    ports = [port_of(client) for client in (idle, busy, over)]
    await over.close()
    query = asyncio.create_task(busy.execute("SELECT pg_sleep(60)"))
    await until(lambda: is_asleep(idle))
    spec = Restarted(target="postgres")
    async with injected(prepare(spec, context), context):
        with suppress(psycopg.OperationalError):
            await query
    for client in (idle, busy):
        await client.close()
    told = {c.client_port: c for c in context.journal.history.of(LinkConnection) if c.fault}
    assert [told[port].dismissed_s is not None for port in ports] == [True, True, False]
    assert told[ports[2]].ending == "client_closed"
    (lines,) = evidence_of(spec, TOPOLOGY, context.journal.history).per_link.values()
    assert lines == (ENDED_BY_SERVICE(connections=2),)


async def until(seen: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `seen` is true."""
    end_s = now_s() + PATIENCE_S
    while not await seen():
        assert now_s() < end_s, "it did not become true"
        await asyncio.sleep(0.01)


async def is_asleep(client: psycopg.AsyncConnection[tuple[object, ...]]) -> bool:
    """Whether the other's query has reached the server."""
    row = await client.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    return await row.fetchone() == (1,)


async def has_ended(context: Context, port: int) -> bool:
    """Whether the engine has noticed that this client closed."""
    return any(c.client_port == port and c.ending for c in await context.control.connections(LINK))


async def test_a_postgres_client_that_only_closes_under_silence_is_no_evidence(
    context: Context,
) -> None:
    """Its last message is held and counted separately, and does not show that it used the link."""
    idle = await connect(context)
    port = port_of(idle)
    spec = Severed(target=LINK, mode="silent")
    async with injected(prepare(spec, context), context):
        await idle.close()
        await until(lambda: has_ended(context, port))
    (told,) = (
        c for c in context.journal.history.of(LinkConnection) if c.fault and c.client_port == port
    )
    assert [(m.bytes, m.goodbye) for m in told.effects if m.stream == "upstream"] == [(5, 5)]
    assert told.ending == "client_closed"
    assert not evidence_of(spec, TOPOLOGY, context.journal.history).observed

"""What a database itself keeps of an app's writes, looked up past every proxy and the app."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import psycopg
from psycopg import sql

from chaoslab.history.events import ReadBack
from chaoslab.history.journal import Journal
from chaoslab.model.topology import App, WriteContract
from chaoslab.runtimes.base import OWN_NAME, RunningService

READ_BACK_WITHIN_S = 5.0
AGAIN_S = 0.1
# Types whose values are compared as they are, so that an index on the column serves the look-up.
# Of any other type each row's id is turned into text.
_AS_THEY_ARE = frozenset({"uuid", "text", "varchar"})


async def read_back(
    app: App,
    service: RunningService,
    ops: Sequence[str],
    journal: Journal,
    *,
    wanted: Collection[str] = (),
    until_s: float = 0.0,
) -> ReadBack:
    """Look ids up in the database itself, how often each is there, and write it down.

    Looks again until each id of `wanted` is found, or a look began at `until_s` of the journal's
    time or later. Raises psycopg.Error or TimeoutError where the database does not answer.
    """
    contract = app.writes
    assert contract is not None
    url = service.url(service.endpoint)
    async with asyncio.timeout(READ_BACK_WITHIN_S):
        connection = await psycopg.AsyncConnection.connect(
            url, application_name=OWN_NAME, autocommit=True
        )
    async with connection:
        while True:
            looked_s = journal.now()
            async with asyncio.timeout(READ_BACK_WITHIN_S):
                found = await _found(connection, contract, ops)
            if looked_s >= until_s or found.keys() >= set(wanted):
                break
            await asyncio.sleep(min(AGAIN_S, until_s - looked_s))
    event = ReadBack(
        at_s=looked_s,
        app=app.name,
        service=contract.service,
        found=tuple(op for op in ops if op in found),
        missing=tuple(op for op in ops if op not in found),
        repeated={op: count for op, count in found.items() if count > 1},
    )
    journal.append(event)
    return event


async def _found(
    connection: psycopg.AsyncConnection, contract: WriteContract, ops: Sequence[str]
) -> Mapping[str, int]:
    """How often each of the ids is there; no other column is read."""
    names = {"id": sql.Identifier(contract.id_column), "table": sql.Identifier(contract.table)}
    first = await connection.execute(sql.SQL("SELECT {id} FROM {table} LIMIT 0").format(**names))
    assert first.description is not None
    known = connection.adapters.types.get(first.description[0].type_code)
    kind = known.name if known and known.name in _AS_THEY_ARE else ""
    compared = sql.SQL("{id}" if kind else "{id}::text").format(**names)
    query = sql.SQL(
        "SELECT {compared}::text, count(*) FROM {table} "
        "WHERE {compared} = ANY(%s::{kind}[]) GROUP BY 1"
    ).format(compared=compared, kind=sql.SQL(kind or "text"), **names)
    rows = await (await connection.execute(query, [list(ops)])).fetchall()
    return {str(op): int(count) for op, count in rows}

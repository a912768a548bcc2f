"""Looks up an app's writes in the database itself, without the app and without any proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from chaoslab.history.events import ReadBack
from chaoslab.history.journal import Journal
from chaoslab.model.topology import App
from chaoslab.runtimes.base import RunningService
from chaoslab.services import kind_of
from chaoslab.services.base import ability

AGAIN_S = 0.1


async def read_back(
    app: App,
    service: RunningService,
    ops: Sequence[str],
    journal: Journal,
    *,
    wanted: Collection[str] = (),
    until_s: float = 0.0,
) -> ReadBack:
    """Look up the write ids `ops` in the database. Records and returns which ones it has, and how
    often each.

    The database is read again until every id of `wanted` is found, or the journal's time is
    `until_s`. Raises TalkFailed if the database does not answer.
    """
    contract = app.writes
    assert contract is not None
    kind = kind_of(service.service.kind)
    fix = "in [apps.<name>.writes], set service to one that stores rows"
    opened = ability(kind.rows, kind, "look up what an app wrote", fix)
    rows = await opened(service.url(service.endpoint))
    try:
        while True:
            looked_s = journal.now()
            found = await rows.found(contract, ops)
            if looked_s >= until_s or found.keys() >= set(wanted):
                break
            await asyncio.sleep(min(AGAIN_S, until_s - looked_s))
    finally:
        await rows.close()
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

"""Lists the tables of a database of the lab, to see whether a boot makes some."""

from __future__ import annotations

import asyncio

from chaoslab.runtimes.base import RunningService
from chaoslab.services import kind_of
from chaoslab.services.base import TalkFailed
from chaoslab.services.later import loaded

_WITHIN_S = 5.0


async def tables_of(running: RunningService) -> tuple[str, ...] | None:
    """The names of the tables in a service's database. None for a kind without tables, and if the
    server does not answer in time.
    """
    tables = kind_of(running.service.kind).tables
    if tables is None:
        return None
    await loaded(tables)
    try:
        async with asyncio.timeout(_WITHIN_S):
            return await tables(running.url(running.endpoint))
    except (TalkFailed, TimeoutError):
        return None

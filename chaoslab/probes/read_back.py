"""Looks up an app's writes where their contract says: in the service itself, without any proxy, or
through a read of the app.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from chaoslab.history.events import ReadBack
from chaoslab.history.journal import Journal
from chaoslab.model.requests import Found, RequestContract
from chaoslab.probes.workload import Sender
from chaoslab.runtimes.base import RunningService
from chaoslab.services import kind_of
from chaoslab.services.base import ability
from chaoslab.services.later import loaded

AGAIN_S = 0.1
# Maps each of the given ids that is found to how often it is there.
Find = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
# Opens the place where writes are looked up. Opening it raises TalkFailed if a server does not
# answer.
LookUp = Callable[[], AbstractAsyncContextManager[Find]]


@asynccontextmanager
async def in_service(place: Found, service: RunningService) -> AsyncIterator[Find]:
    """Looks in the service, with a session of the lab's own."""
    kind = kind_of(service.service.kind)
    fix = "in found, set service to one that stores what the app writes"
    opened = ability(kind.rows, kind, "look up what an app wrote", fix)
    await loaded(opened)  # the first look-up may come in the middle of a recovery
    rows = await opened(service.url(service.endpoint))
    try:
        yield lambda ops: rows.found(place, ops)
    finally:
        await rows.close()


@asynccontextmanager
async def through_app(read: RequestContract, sender: Sender) -> AsyncIterator[Find]:
    """Asks the app with that read. An id whose answer is good is there once."""

    async def find(ops: Sequence[str]) -> Mapping[str, int]:
        answers = [
            await sender.send(read, timeout_s=read.timeout_s, purpose="look_up", op=op)
            for op in ops
        ]
        good = (a.op for a in answers if a is not None and a.outcome == "ok")
        return dict.fromkeys(good, 1)

    yield find


async def read_back(
    app: str,
    contract: RequestContract,
    look_up: LookUp,
    ops: Sequence[str],
    journal: Journal,
    *,
    wanted: Collection[str] = (),
    until_s: float = 0.0,
) -> ReadBack:
    """Look up the ids `ops` of a write of the app `app`. Records and returns which ones are there,
    and how often each.

    They are looked up again until every id of `wanted` is found, or the journal's time is
    `until_s`. Raises TalkFailed if the service does not answer.
    """
    place = contract.looked_up
    assert place is not None
    async with look_up() as find:
        while True:
            looked_s = journal.now()
            found = await find(ops)
            if looked_s >= until_s or found.keys() >= set(wanted):
                break
            await asyncio.sleep(min(AGAIN_S, until_s - looked_s))
    event = ReadBack(
        at_s=looked_s,
        app=app,
        service=place.service,
        request=contract.name,
        found=tuple(op for op in ops if op in found),
        missing=tuple(op for op in ops if op not in found),
        repeated={op: count for op, count in found.items() if count > 1},
    )
    journal.append(event)
    return event

"""Looks up an app's writes and jobs where their contract says: in the service itself, without any
proxy, or through a read of the app.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from chaoslab.history.events import ReadBack, Request
from chaoslab.history.journal import Journal
from chaoslab.model.requests import Found, RequestContract
from chaoslab.probes.workload import Sender
from chaoslab.runtimes.base import RunningService
from chaoslab.services import kind_of
from chaoslab.services.base import ability
from chaoslab.services.later import loaded

AGAIN_S = 0.1
AT_ONCE = 10  # questions to the app


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look for some ids has found. `often` maps each id that is there to how often it is.
    Of the ids `unclear` it is not known: the app did not answer, or answered with an error of its
    own.
    """

    often: Mapping[str, int]
    unclear: frozenset[str] = frozenset()


# Looks for the given ids.
Find = Callable[[Sequence[str]], Awaitable[Look]]
# Opens the place where ids are looked up. Opening it raises TalkFailed if a server does not answer.
LookUp = Callable[[], AbstractAsyncContextManager[Find]]


@asynccontextmanager
async def in_service(place: Found, service: RunningService) -> AsyncIterator[Find]:
    """Looks in the service, with a session of the lab's own."""
    kind = kind_of(service.service.kind)
    fix = "in found, set service to one that stores what the app writes"
    opened = ability(kind.rows, kind, "look up what an app wrote", fix)
    await loaded(opened)  # the first look-up may come in the middle of a recovery
    rows = await opened(service.url(service.endpoint))

    async def find(ops: Sequence[str]) -> Look:
        return Look(often=await rows.found(place, ops))

    try:
        yield find
    finally:
        await rows.close()


@asynccontextmanager
async def through_app(
    read: RequestContract, sender: Callable[[], Sender | None]
) -> AsyncIterator[Find]:
    """Asks the app with that read, as `sender` sends it; None while the app does not run. An id
    whose answer is good is there once.
    """

    async def asked(op: str) -> Request | None:
        current = sender()
        if current is None:
            return None
        return await current.send(read, timeout_s=read.timeout_s, purpose="look_up", op=op)

    async def find(ops: Sequence[str]) -> Look:
        answers: list[Request | None] = []
        for first in range(0, len(ops), AT_ONCE):
            answers += await asyncio.gather(*map(asked, ops[first : first + AT_ONCE]))
        each = dict(zip(ops, answers, strict=True))
        good = [op for op, answer in each.items() if answer is not None and answer.outcome == "ok"]
        unclear = frozenset(op for op, answer in each.items() if _is_unclear(answer))
        return Look(often=dict.fromkeys(good, 1), unclear=unclear)

    yield find


def _is_unclear(answer: Request | None) -> bool:
    """Whether the answer to a read does not say if the id is there: there is none, or the app
    refused to look, or failed to.
    """
    if answer is None or answer.status_code is None:
        return True
    return answer.outcome != "ok" and (answer.status_code >= 500 or answer.status_code == 429)


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
            look = await find(ops)
            if looked_s >= until_s or look.often.keys() >= set(wanted):
                break
            await asyncio.sleep(min(AGAIN_S, until_s - looked_s))
    event = as_read_back(app, contract, ops, look, looked_s)
    journal.append(event)
    return event


def as_read_back(
    app: str, contract: RequestContract, ops: Sequence[str], look: Look, at_s: float
) -> ReadBack:
    """What the look that began at `at_s` found of the ids `ops`, as an event."""
    assert contract.found is not None
    return ReadBack(
        at_s=at_s,
        app=app,
        service=contract.found.service,
        request=contract.name,
        found=tuple(op for op in ops if op in look.often),
        missing=tuple(op for op in ops if op not in look.often and op not in look.unclear),
        repeated={op: count for op, count in look.often.items() if count > 1},
    )

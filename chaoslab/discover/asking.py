"""Asks paths of an app that runs, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from chaoslab.discover.findings import PathAnswer
from chaoslab.machine.endpoint import Endpoint
from chaoslab.probes.base import NO_ANSWER, why_no_answer
from chaoslab.probes.request import AnswerTooLarge, Message, ask

ANSWER_WITHIN_S = 2.0
_AT_ONCE = 4  # a server with one thread answers one after the other
_MOST_CHARACTERS = 20_000  # of a body


async def answers(there: Endpoint, paths: Iterable[str]) -> Mapping[str, PathAnswer]:
    """Maps each path to its answer; an answer that does not come in time is one with an error."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(path: str) -> PathAnswer:
        async with gate:
            return await answer_of(there, path)

    wanted = [*dict.fromkeys(paths)]
    found = await asyncio.gather(*(one(path) for path in wanted))
    return dict(zip(wanted, found, strict=True))


async def answer_of(there: Endpoint, path: str) -> PathAnswer:
    """The answer of one path, on a new connection."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reply = await ask(there, Message(path=path))
    except TimeoutError:
        return PathAnswer(error=f"no answer within {ANSWER_WITHIN_S:g} s")
    except AnswerTooLarge as error:
        return PathAnswer(status=error.status_code)
    except NO_ANSWER as error:
        return PathAnswer(error=why_no_answer(error))
    return PathAnswer(
        status=reply.status_code,
        content_type=reply.headers.get("content-type", ""),
        body=reply.text[:_MOST_CHARACTERS],
    )

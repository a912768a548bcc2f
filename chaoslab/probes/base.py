"""Who watches: the target of every probe, and the rule that a crashed probe is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

import httpx

from chaoslab import printable
from chaoslab.history.events import ProbeCrashed
from chaoslab.history.journal import Journal
from chaoslab.model.topology import App
from chaoslab.probes.own_trouble import NotAsked, note_own_trouble, own_trouble
from chaoslab.probes.questions import Questions
from chaoslab.probes.request import Reply, ask
from chaoslab.runtimes.base import RunningApp


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One boot of an app under watch; `standing` ran before the lab came, and goes on after it.

    Whoever asks the app how it is asks through `questions`.
    """

    app: App
    boot: int
    running: RunningApp
    journal: Journal
    standing: bool = False
    questions: Questions = field(default_factory=Questions)


NO_ANSWER = (httpx.HTTPError, TimeoutError, OSError)
MOST_CHARACTERS = 200  # of one word, name or text of an app, as it is written down
MOST_ENTRIES = 256  # of one list or object of an app, likewise


async def get(watched: Watched, path: str, *, timeout_s: float) -> Reply:
    """One GET, the whole answer within `timeout_s`, however its bytes come in; else NO_ANSWER.

    Raises NotAsked, once that is written down, where the lab itself could not ask.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await ask(watched.running.endpoint, path)
    except NO_ANSWER as error:
        if why := own_trouble(error):
            note_own_trouble(watched.journal, why)
            raise NotAsked(why) from error
        raise


def why_no_answer(error: BaseException) -> str:
    """One of NO_ANSWER as it is written down; what the app sent may stand in it."""
    return as_text(f"{type(error).__name__}: {error}".rstrip(": "))


def as_text(value: object) -> str:
    """What an app says as text that any file can hold, cut; JSON may carry half a surrogate pair.

    Only of what is no list and no object: those may be nested deeper than Python writes them.
    """
    return printable.cut(str(value).encode("utf-8", "replace").decode(), MOST_CHARACTERS)


async def either(
    one: Coroutine[object, object, object], other: Coroutine[object, object, object]
) -> object:
    """The result of the first of two to end; the other is cancelled."""
    tasks = [asyncio.create_task(one), asyncio.create_task(other)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()


async def guarded(probe: str, work: Coroutine[object, object, None], journal: Journal) -> None:
    """Run a probe; if it raises, write that down (its verdicts become UNKNOWN) and go on."""
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception as error:  # a probe's bug must become data, whatever it is
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        what = f"{type(error).__name__}: {error}"
        journal.append(ProbeCrashed(at_s=journal.now(), probe=probe, error=what))

"""Who watches: the target of every probe, and the rule that a crashed probe is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

import httpx

from chaoslab.history.events import ProbeCrashed
from chaoslab.history.journal import Journal
from chaoslab.probes import request
from chaoslab.probes.own_trouble import NotAsked, note_own_trouble, own_trouble
from chaoslab.runtimes.base import RunningApp
from chaoslab.spec.topology import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One boot of an app under watch; `standing` ran before the lab came, and goes on after it."""

    app: App
    boot: int
    running: RunningApp
    journal: Journal
    client: httpx.AsyncClient
    standing: bool = False

    def url(self, path: str) -> str:
        """The address of a path of the app."""
        return f"http://{self.running.endpoint}{path}"


def fresh_connections() -> httpx.AsyncClient:
    """A client whose every request opens a connection of its own, as a prober's does."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(limits=limits, trust_env=False, verify=False)


NO_ANSWER = (httpx.HTTPError, TimeoutError, OSError)


async def get(watched: Watched, path: str, *, timeout_s: float) -> httpx.Response:
    """One GET, the whole answer within `timeout_s`, however its bytes come in; else NO_ANSWER.

    Raises NotAsked, once that is written down, where the lab itself could not ask.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await request.get(watched.running.endpoint, path, watched.client.headers)
    except NO_ANSWER as error:
        if why := own_trouble(error):
            note_own_trouble(watched.journal, why)
            raise NotAsked(why) from error
        raise


def json_of(response: httpx.Response) -> object:
    """The JSON body of an answer; None where it is none, or none that can be read."""
    try:
        return response.json()
    except (ValueError, RecursionError):  # nested too deeply for Python's reader
        return None


def as_text(value: object) -> str:
    """Whatever an app says as text that any file can hold: JSON may carry half a surrogate pair."""
    return str(value).encode("utf-8", "replace").decode()


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

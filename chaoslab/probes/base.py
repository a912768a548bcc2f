"""What all probes share: the boot that they watch, how they ask its app, how their crash is
recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from chaoslab import printable
from chaoslab.history.events import ProbeCrashed
from chaoslab.history.journal import Journal
from chaoslab.machine.sockets import AppSocket
from chaoslab.model.topology import App
from chaoslab.probes.lab_trouble import NotAsked, lab_trouble, note_lab_trouble
from chaoslab.probes.questions import Questions
from chaoslab.probes.request import Message, Reply, ask
from chaoslab.runtimes.base import RunningApp, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One boot of an app that the probes watch.

    An `attached` app was running before the lab, and the lab does not stop it. Every health or
    readiness request goes through `questions`. `beside` are the app's further processes that run
    now, by their names; it changes while the boot runs.
    """

    app: App
    boot: int
    running: RunningApp
    journal: Journal
    attached: bool = False
    questions: Questions = field(default_factory=Questions)
    beside: Mapping[str, RunningApp] = field(default_factory=dict)

    @property
    def who(self) -> dict[str, Any]:
        """The fields `app` and `boot`, as every event of this boot has them."""
        return {"app": self.app.name, "boot": self.boot}

    def sockets(self) -> tuple[AppSocket, ...]:
        """The TCP sockets of all processes of the app now, each once: processes in containers show
        all those of the network that they share.
        """
        each = (self.running, *self.beside.values())
        return tuple(dict.fromkeys(socket for process in each for socket in process.sockets()))

    async def usage(self) -> Usage | None:
        """What all processes of the app use now. None if the main process has ended, or if it is
        not observed.
        """
        if (main := await self.running.usage()) is None:
            return None
        others = [await each.usage() for each in tuple(self.beside.values())]
        every = [main, *filter(None, others)]
        return Usage(
            rss_bytes=sum(each.rss_bytes for each in every),
            cpu_s=sum(each.cpu_s for each in every),
            log_lines=sum(each.log_lines for each in every),
            log_bytes=sum(each.log_bytes for each in every),
        )


NO_ANSWER = (httpx.HTTPError, TimeoutError, OSError)
MOST_CHARACTERS = 200  # of one text of an app, in the history
MOST_ENTRIES = 256  # of one list or object of an app, in the history
LOG_CHARACTERS = 2000  # of one line of an app's log, in the history


async def get(watched: Watched, path: str, *, timeout_s: float) -> Reply:
    """Send one GET to a path of the app's health, with the headers of the health contract, and
    return the whole answer, within `timeout_s` seconds in total.

    Raises one of the errors in NO_ANSWER if there is no complete answer. Raises NotAsked if the lab
    could not send the request; the history then has the reason.
    """
    message = Message(path=path, headers=tuple(watched.app.health.headers.items()))
    try:
        async with asyncio.timeout(timeout_s):
            there = watched.running.endpoint_of(watched.app.health.port)
            return await ask(there, message)
    except NO_ANSWER as error:
        if why := lab_trouble(error):
            note_lab_trouble(watched.journal, why)
            raise NotAsked(why) from error
        raise


def why_no_answer(error: BaseException) -> str:
    """The text of one of the errors in NO_ANSWER, for the history. The text may quote the app, so
    it is cut.
    """
    return as_text(f"{type(error).__name__}: {error}".rstrip(": "))


def as_text(value: object) -> str:
    """A scalar from an app as text of at most `MOST_CHARACTERS` characters.

    Half of a surrogate pair, which JSON allows and no file can hold, is replaced. Do not pass lists
    or objects: they may be nested too deeply for Python to print.
    """
    return printable.cut(str(value).encode("utf-8", "replace").decode(), MOST_CHARACTERS)


def last_lines_of(running: RunningApp) -> tuple[str, ...]:
    """The last lines of a process's log, for the history."""
    return tuple(printable.cut(line, LOG_CHARACTERS) for line in running.log_tail())


async def either(
    one: Coroutine[object, object, object], other: Coroutine[object, object, object]
) -> object:
    """Run two coroutines until one of them ends, cancel the other, and return the result of the
    first.
    """
    tasks = [asyncio.create_task(one), asyncio.create_task(other)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()


async def pause(limit_s: float, over: asyncio.Event) -> None:
    """Wait for `limit_s` seconds, or until `over` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await over.wait()


async def guarded(probe: str, work: Coroutine[object, object, None], journal: Journal) -> None:
    """Run a probe. If the probe raises an error, record ProbeCrashed, which makes the run's
    verdicts UNKNOWN.
    """
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception as error:  # any bug of a probe becomes data
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        what = f"{type(error).__name__}: {error}"
        journal.append(ProbeCrashed(at_s=journal.now(), probe=probe, error=what))

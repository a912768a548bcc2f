"""A boot as seen from outside: spawn → bind → first answer → start-up complete → ready, or exit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from typing import Any

from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FirstAnswer,
    HealthSample,
    Ready,
    StartupComplete,
    StartupSnapshot,
)
from chaoslab.model.health import HealthState
from chaoslab.printable import cut
from chaoslab.probes.base import MOST_ENTRIES, NO_ANSWER, Watched, as_text, either, get
from chaoslab.probes.body import BadBody, object_of, word_of
from chaoslab.probes.own_trouble import NotAsked

BIND_POLL_S = 0.01
READY_POLL_S = 0.05
ANSWER_TIMEOUT_S = 1.0
LONGEST_S = 1e6  # as good as for ever
LOG_CHARACTERS = 2000  # of one line of the log, as it is written down


class BootProbe:
    """Follows one boot until it is ready; the exit is watched by `watch_exit` beside it.

    It reads what the health probe has asked, and asks at no path twice what is known already.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._journal = watched.journal
        self._who: dict[str, Any] = {"app": watched.app.name, "boot": watched.boot}
        self._answered = False
        self._read = 0
        self._word: str | None = None
        self._failure_noted = False

    async def run(self, over: asyncio.Event) -> None:
        """Write down each stage when it is first seen, until the app is ready or `over` is set."""
        for stage in (self._bound, self._complete, self._ready):
            while not await self._passed(stage, over):
                if over.is_set():
                    if stage == self._complete and self._answered and not self._failure_noted:
                        await self._note_how_far()
                    return

    async def _passed(
        self, stage: Callable[[asyncio.Event], Awaitable[bool]], over: asyncio.Event
    ) -> bool:
        try:
            return await stage(over)
        except NotAsked:  # the lab's own trouble, which is written down; the stage may still come
            await asyncio.sleep(READY_POLL_S)
            return False

    async def _bound(self, _: asyncio.Event) -> bool:
        """LISTEN as the kernel shows it: no connect of the lab's can be taken for the app's.

        An app that stood already may have been listening for days, for a kernel elsewhere.
        """
        if self._watched.standing:
            return True
        port = self._watched.running.listens_on
        sockets = self._watched.running.sockets()
        if not any(s.state == "LISTEN" and s.local_port == port for s in sockets):
            await asyncio.sleep(BIND_POLL_S)
            return False
        self._journal.append(Bound(at_s=self._journal.now(), **self._who))
        return True

    async def _complete(self, over: asyncio.Event) -> bool:
        answer = await self._next_answer(over)
        if answer is None:
            return False
        if answer.status_code is not None and not self._answered:
            self._answered = True
            self._journal.append(
                FirstAnswer(at_s=self._journal.now(), status_code=answer.status_code, **self._who)
            )
        news = answer.word != self._word  # a start-up that fails says another word than before
        self._word = answer.word
        snapshot = await self.snapshot() if news or _serves(answer) else None
        if not self._is_complete(answer, snapshot):
            self._note_failure(snapshot)
            return False
        if snapshot is not None:
            self._journal.append(snapshot)
        self._journal.append(
            StartupComplete(at_s=self._journal.now(), state=answer.state, **self._who)
        )
        return True

    async def _next_answer(self, over: asyncio.Event) -> HealthSample | None:
        """The newest sample of this boot's health not read yet; None where the end came first."""
        found = await either(self._journal.wait_for(self._unread, LONGEST_S), over.wait())
        return found if isinstance(found, HealthSample) else None

    def _unread(self, events: list[AnyEvent]) -> AnyEvent | None:
        who = (self._watched.app.name, self._watched.boot)
        new, self._read = events[self._read :], len(events)
        mine = (e for e in reversed(new) if isinstance(e, HealthSample) and (e.app, e.boot) == who)
        return next(mine, None)

    async def _note_how_far(self) -> None:
        """A start-up that did not end: which of its phases did."""
        with suppress(NotAsked):
            if (snapshot := await self.snapshot()) is not None:
                self._journal.append(snapshot)

    def _note_failure(self, snapshot: StartupSnapshot | None) -> None:
        """Write down once what a failed start-up publishes: its process may end any moment."""
        if snapshot is not None and snapshot.failed and not self._failure_noted:
            self._failure_noted = True
            self._journal.append(snapshot)

    def _is_complete(self, answer: HealthSample, snapshot: StartupSnapshot | None) -> bool:
        if not _serves(answer):
            return False
        publishes = self._watched.app.health.startup_path is not None
        return not publishes or (snapshot is not None and snapshot.complete)

    async def snapshot(self) -> StartupSnapshot | None:
        """What the start-up path publishes now; None where it has no such path or no answer."""
        path = self._watched.app.health.startup_path
        if path is None:
            return None
        async with self._watched.questions.one(path) as mine:
            if not mine:
                return None
            try:
                body = object_of(await get(self._watched, path, timeout_s=ANSWER_TIMEOUT_S))
            except (*NO_ANSWER, BadBody):
                return None
        return StartupSnapshot(
            at_s=self._journal.now(),
            complete=body.get("startup_complete") is True,
            failed=body.get("startup_failed") is True,
            mode=word_of(body.get("startup_mode")),
            completed_phases=_names(body.get("startup_completed_phases")),
            degraded_phases=_names(body.get("startup_degraded_phases")),
            failed_phases=_names(body.get("startup_failed_phases")),
            phase_timings_s=_timings(body.get("startup_phase_timings")),
            **self._who,
        )

    async def _ready(self, _: asyncio.Event) -> bool:
        path = self._watched.app.health.ready_path
        if path is not None and not await self._answers(path):
            await asyncio.sleep(READY_POLL_S)
            return False
        self._journal.append(Ready(at_s=self._journal.now(), **self._who))
        return True

    async def _answers(self, path: str) -> bool:
        async with self._watched.questions.one(path) as mine:
            if not mine:
                return False
            try:
                return (await get(self._watched, path, timeout_s=ANSWER_TIMEOUT_S)).is_success
            except NO_ANSWER:
                return False


async def watch_exit(watched: Watched, asked: asyncio.Event) -> bool:
    """Write down the end of the process, with its last log lines; `asked` tells the lab's own.

    Returns whether the process ended by itself.
    """
    code = await watched.running.exited()
    # Told now: while its last lines are read, the lab may ask an app to end that has ended before.
    at_s, by_lab = watched.journal.now(), asked.is_set()
    await watched.running.wait()
    watched.journal.append(
        Exited(
            at_s=at_s,
            app=watched.app.name,
            boot=watched.boot,
            exit_code=code,
            asked=by_lab,
            log_tail=tuple(cut(line, LOG_CHARACTERS) for line in watched.running.log_tail()),
        )
    )
    return not by_lab


def _serves(answer: HealthSample) -> bool:
    """By the state that the contract reads: a 200 may say 'down', Consul's 429 is a warning."""
    return answer.state in (HealthState.HEALTHY, HealthState.DEGRADED)


def _names(value: object) -> tuple[str, ...]:
    """The texts of a list, so many at most; what is a list or an object itself is no name."""
    words = map(word_of, value) if isinstance(value, list) else ()
    return tuple(islice((word for word in words if word is not None), MOST_ENTRIES))


def _timings(value: object) -> dict[str, float]:
    """Seconds by phase; what is no number of seconds is left out."""
    if not isinstance(value, dict):
        return {}
    known = ((name, s) for name, s in value.items() if type(s) in (int, float))
    good = ((as_text(name), float(s)) for name, s in known if 0 <= s < LONGEST_S)
    return dict(islice(good, MOST_ENTRIES))

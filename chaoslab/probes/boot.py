"""Observes a boot: spawn → bind → first answer → start-up complete → ready, or exit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice

from chaoslab.history.events import (
    AnyEvent,
    Bound,
    Exited,
    FirstAnswer,
    HealthSample,
    Ready,
    StartupComplete,
    StartupSnapshot,
    SupervisorStops,
)
from chaoslab.model.health import HealthState
from chaoslab.probes.base import (
    MOST_ENTRIES,
    NO_ANSWER,
    Watched,
    as_text,
    either,
    get,
    last_lines_of,
)
from chaoslab.probes.body import BadBody, object_of, word_of
from chaoslab.probes.lab_trouble import NotAsked

BIND_POLL_S = 0.01
READY_POLL_S = 0.05
ANSWER_TIMEOUT_S = 1.0
LONGEST_S = 1e6  # no limit in practice


class BootProbe:
    """Observes one boot until it is ready. `watch_exit` observes its exit.

    It reads the samples of the health probe and does not send health requests of its own.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._journal = watched.journal
        self._who = watched.who
        self._answered = False
        self._read = 0
        self._word: str | None = None
        self._failure_noted = False

    async def run(self, over: asyncio.Event) -> None:
        """Record each stage of the boot as soon as it is observed, until the app is ready or `over`
        is set.
        """
        for stage in (self._bound, self._complete, self._ready):
            while not await self._passed(stage, over):
                if over.is_set():
                    if stage == self._complete and self._answered and not self._failure_noted:
                        await self._note_progress()
                    return

    async def _passed(
        self, stage: Callable[[asyncio.Event], Awaitable[bool]], over: asyncio.Event
    ) -> bool:
        try:
            return await stage(over)
        except NotAsked:  # the lab could not ask; the stage may still be reached
            await asyncio.sleep(READY_POLL_S)
            return False

    async def _bound(self, _: asyncio.Event) -> bool:
        """Check once whether the app listens on its port, as the kernel shows it; if so, record
        Bound. Returns whether the app listens.

        The lab does not connect to find out, so no connection of its own is taken for the app's. An
        attached app has no bind to observe, and the result is True: it listened before the run,
        maybe on another machine.
        """
        if self._watched.attached:
            return True
        port = self._watched.running.listens_on
        sockets = self._watched.running.sockets()
        hosts = {s.local_host for s in sockets if s.state == "LISTEN" and s.local_port == port}
        if not hosts:
            await asyncio.sleep(BIND_POLL_S)
            return False
        at_s, addresses = self._journal.now(), tuple(sorted(hosts - {""}))
        self._journal.append(Bound(at_s=at_s, **self._who, addresses=addresses))
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
        changed = answer.word != self._word  # when a start-up fails, the word often changes
        self._word = answer.word
        snapshot = await self.snapshot() if changed or _serves(answer) else None
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
        """Wait for the next health sample of this boot that was not read yet, and return the
        newest. None if `over` was set first.
        """
        found = await either(self._journal.wait_for(self._unread, LONGEST_S), over.wait())
        return found if isinstance(found, HealthSample) else None

    def _unread(self, events: list[AnyEvent]) -> AnyEvent | None:
        who = (self._watched.app.name, self._watched.boot)
        new, self._read = events[self._read :], len(events)
        mine = (e for e in reversed(new) if isinstance(e, HealthSample) and (e.app, e.boot) == who)
        return next(mine, None)

    async def _note_progress(self) -> None:
        """Record which phases of the start-up were completed. Called if the start-up did not
        end.
        """
        with suppress(NotAsked):
            if (snapshot := await self.snapshot()) is not None:
                self._journal.append(snapshot)

    def _note_failure(self, snapshot: StartupSnapshot | None) -> None:
        """Record `snapshot`, once, if it says that the start-up has failed, because the process may
        soon exit.
        """
        if snapshot is not None and snapshot.failed and not self._failure_noted:
            self._failure_noted = True
            self._journal.append(snapshot)

    def _is_complete(self, answer: HealthSample, snapshot: StartupSnapshot | None) -> bool:
        if not _serves(answer):
            return False
        publishes = self._watched.app.health.startup_path is not None
        return not publishes or (snapshot is not None and snapshot.complete)

    async def snapshot(self) -> StartupSnapshot | None:
        """Request the app's start-up path and return what it publishes. None if there is no such
        path or no readable answer.
        """
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
    """Wait for the exit of the process, and record it with the last log lines.

    `asked` is set if the lab stops the process. Returns whether the process ended by itself, or
    its supervisor stopped it.
    """
    code = await watched.running.exited()
    # Read now: the lab may ask the app to stop while its last log lines are still being read.
    at_s, by_lab = watched.journal.now(), asked.is_set()
    stops = watched.journal.history.last_of_boot(SupervisorStops, **watched.who)
    await watched.running.wait()
    watched.journal.append(
        Exited(
            at_s=at_s,
            **watched.who,
            exit_code=code,
            asked=by_lab,
            log_tail=last_lines_of(watched.running),
            killed_after_s=watched.running.killed_after_s,
            supervisor=stops.why if stops else None,
        )
    )
    return not by_lab


def _serves(answer: HealthSample) -> bool:
    """Whether the health contract reads the answer as healthy or degraded.

    The status code alone does not tell: a 200 may say 'down', and a 429 of Consul is a warning.
    """
    return answer.state in (HealthState.HEALTHY, HealthState.DEGRADED)


def _names(value: object) -> tuple[str, ...]:
    """The scalars of a JSON list as texts, at most `MOST_ENTRIES`. Nested lists and objects are
    left out; empty if `value` is no list.
    """
    words = map(word_of, value) if isinstance(value, list) else ()
    return tuple(islice((word for word in words if word is not None), MOST_ENTRIES))


def _timings(value: object) -> dict[str, float]:
    """Maps the name of each start-up phase to its seconds, from a JSON object. A value that is not
    a number of seconds is left out; empty if `value` is no object.
    """
    if not isinstance(value, dict):
        return {}
    known = ((name, s) for name, s in value.items() if type(s) in (int, float))
    good = ((as_text(name), float(s)) for name, s in known if 0 <= s < LONGEST_S)
    return dict(islice(good, MOST_ENTRIES))

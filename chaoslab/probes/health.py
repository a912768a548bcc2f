"""Samples the health of an app: one request after the other, each on a new connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chaoslab.history.events import HealthSample, HealthTurned, HealthUnread, LossNamed
from chaoslab.model.health import HealthState
from chaoslab.model.load import Sampling
from chaoslab.probes.base import NO_ANSWER, Watched, get, why_no_answer
from chaoslab.probes.health_answer import Answer, read_answer, unknown_word, unreadable
from chaoslab.probes.lab_trouble import NotAsked
from chaoslab.probes.request import AnswerTooLarge
from chaoslab.probes.sampler import Sampler


async def ask_health(watched: Watched, *, timeout_s: float) -> Answer:
    """Send one request to the app's health path, and return the result.

    If there is no answer, the state is `unreachable`; if the answer cannot be read, it is
    `unhealthy`; neither is an exception. Raises NotAsked if the lab could not send the request.
    """
    contract = watched.app.health
    try:
        reply = await get(watched, contract.path, timeout_s=timeout_s)
    except AnswerTooLarge as error:
        return unreadable(error.status_code, f"health answered {error.status_code} with {error}")
    except NO_ANSWER as error:
        why = why_no_answer(error)
        return Answer(state=HealthState.UNREACHABLE, dependencies={}, error=why)
    return read_answer(contract, reply)


class HealthProbe:
    """Records samples of an app's health, and every change of its state or of its lost
    dependencies.

    Requests are sent more often while `awaits()` is true.
    """

    def __init__(
        self, watched: Watched, sampling: Sampling, awaits: Callable[[], bool] = lambda: False
    ) -> None:
        self._watched = watched
        self._sampling, self._awaits = sampling, awaits
        self._state: HealthState | None = None
        self._lost: tuple[str, ...] = ()
        self._unread = False

    async def run(self, over: asyncio.Event) -> None:
        """Sample until `over` is set, then wait for the last answer up to its time limit."""
        sampler = Sampler(
            self._sample,
            cadence_s=self._sampling.cadence_s,
            sampling=self._sampling,
            journal=self._watched.journal,
            awaits=self._awaits,
        )
        await sampler.run(over)

    async def _sample(self) -> None:
        async with self._watched.questions.one(self._watched.app.health.path) as mine:
            if mine:
                await self._ask()

    async def _ask(self) -> None:
        watched, journal = self._watched, self._watched.journal
        sent_s = journal.now()
        try:
            answer = await ask_health(watched, timeout_s=self._sampling.timeout_s)
        except NotAsked:
            return
        took_s = journal.now() - sent_s
        journal.append(
            HealthSample(
                at_s=sent_s,
                **watched.who,
                took_s=took_s,
                state=answer.state,
                status_code=answer.status_code,
                word=answer.word,
                dependencies=answer.dependencies,
                error=answer.error,
            )
        )
        self._note_unread(answer)
        self._note_changes(answer)

    def _note_unread(self, answer: Answer) -> None:
        """Record the first 2xx answer that the contract does not read: most often the contract is
        wrong.
        """
        code, why = answer.status_code, answer.error or ""
        word = unknown_word(self._watched.app.health, answer)
        if self._unread or code is None or not 200 <= code < 300 or not (why or word):
            return
        self._unread = True
        journal = self._watched.journal
        at_s = journal.now()
        journal.append(
            HealthUnread(at_s=at_s, **self._watched.who, status_code=code, why=why, word=word)
        )

    def _note_changes(self, answer: Answer) -> None:
        watched, journal = self._watched, self._watched.journal
        if answer.state is not self._state:
            self._state = answer.state
            journal.append(HealthTurned(at_s=journal.now(), **watched.who, state=answer.state))
        serves = answer.state in (HealthState.HEALTHY, HealthState.DEGRADED)
        lost = watched.app.health.lost(answer.dependencies) if serves else ()
        if lost != self._lost:
            self._lost = lost
            journal.append(LossNamed(at_s=journal.now(), **watched.who, lost=lost))

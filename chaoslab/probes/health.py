"""Samples the health of an app: one request after the other, each on a new connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from chaoslab.history.events import HealthSample, HealthTurned, LossNamed
from chaoslab.model.health import HealthContract, HealthState
from chaoslab.model.load import Sampling
from chaoslab.probes.base import (
    MOST_ENTRIES,
    NO_ANSWER,
    Watched,
    as_text,
    get,
    why_no_answer,
)
from chaoslab.probes.body import BadBody, kind_of, object_of, plain_text_of, word_of
from chaoslab.probes.lab_trouble import NotAsked
from chaoslab.probes.request import AnswerTooLarge, Reply
from chaoslab.probes.sampler import Sampler


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one health request."""

    state: HealthState
    status_code: int | None = None
    word: str | None = None
    dependencies: Mapping[str, str]
    error: str | None = None


async def ask_health(watched: Watched, *, timeout_s: float) -> Answer:
    """Send one request to the app's health path, and return the result.

    If there is no answer, the state is `unreachable`; if the answer cannot be read, it is
    `unhealthy`; neither is an exception. Raises NotAsked if the lab could not send the request.
    """
    contract = watched.app.health
    try:
        reply = await get(watched, contract.path, timeout_s=timeout_s)
    except AnswerTooLarge as error:
        return _unreadable(error.status_code, f"health answered {error.status_code} with {error}")
    except NO_ANSWER as error:
        why = why_no_answer(error)
        return Answer(state=HealthState.UNREACHABLE, dependencies={}, error=why)
    return read_answer(contract, reply)


def read_answer(contract: HealthContract, reply: Reply) -> Answer:
    """The result of an answer to a health request: its state, its word and its dependencies. If the
    body cannot be read, `error` says why, and the state is never healthy.
    """
    code = reply.status_code
    try:
        body = object_of(reply)
    except BadBody as bad:
        return _without_object(contract, reply, str(bad))
    stated = body.get(contract.status_field)
    word = word_of(stated)
    nested = isinstance(stated, list | dict)
    error = f"its '{contract.status_field}' is {kind_of(stated)}, expected a word"
    return Answer(
        state=contract.state_of(code, word),
        status_code=code,
        word=word,
        dependencies=_dependencies(contract, body.get(contract.dependencies_field)),
        error=f"health answered {code}: {error}" if nested else None,
    )


def _without_object(contract: HealthContract, reply: Reply, got: str) -> Answer:
    """The result of an answer to a health request without a JSON object. The body itself is the
    word if it is plain text or a known word, as ASP.NET Core sends by default. Any other body is an
    error: `got` says what it is.
    """
    code, word = reply.status_code, None if reply.encoding else as_text(reply.text.strip())
    state = contract.state_of(code, word)
    plain = plain_text_of(reply)
    if plain is not None or state is not HealthState.UNHEALTHY:
        return Answer(state=state, status_code=code, word=plain or word, dependencies={})
    kind = as_text(reply.headers.get("content-type", "no content type"))
    return _unreadable(
        code, f"health answered {code} with {kind}, expected a JSON object, got {got}"
    )


def _unreadable(status_code: int, error: str) -> Answer:
    return Answer(
        state=HealthState.UNHEALTHY, status_code=status_code, dependencies={}, error=error
    )


def _dependencies(contract: HealthContract, named: object) -> Mapping[str, str]:
    """Maps the name of each dependency in an answer to its word; at most `MOST_ENTRIES`, each word
    cut.

    Three forms are read: an object of words or objects, an object of lists of checks (IETF
    health+json), and a list of named checks (MicroProfile).
    """
    if isinstance(named, list):
        checks = [item for item in named if isinstance(item, dict)]
        named = {item["name"]: item for item in checks if isinstance(item.get("name"), str)}
    if not isinstance(named, dict):
        return {}
    kept = islice(named.items(), MOST_ENTRIES)
    return {as_text(name): _dependency(contract, value) for name, value in kept}


def _dependency(contract: HealthContract, value: object) -> str:
    if isinstance(value, list):  # several checks of one dependency: take the first bad one
        words = [_check(contract, each) for each in value]
        good = HealthState.HEALTHY
        bad = (word for word in words if contract.words.get(word.lower()) is not good)
        return next(bad, words[0] if words else "?")
    return _check(contract, value)


def _check(contract: HealthContract, value: object) -> str:
    return word_of(value.get(contract.status_field) if isinstance(value, dict) else value) or "?"


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
        self._note_changes(answer)

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

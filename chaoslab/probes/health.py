"""Health as a prober sees it: overlapping samples, each on a fresh connection, each bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from chaoslab.history.events import HealthSample, HealthTurned, LossNamed
from chaoslab.probes.base import NO_ANSWER, Watched, as_text, get, json_of
from chaoslab.probes.own_trouble import NotAsked
from chaoslab.probes.sampler import Sampler
from chaoslab.spec.health import HealthContract, HealthState
from chaoslab.spec.load import Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one health request came to."""

    state: HealthState
    status_code: int | None = None
    word: str | None = None
    dependencies: Mapping[str, str]
    error: str | None = None


async def ask_health(watched: Watched, *, timeout_s: float) -> Answer:
    """One request to the health path. No answer is `unreachable`; never raises for the network.

    Raises NotAsked where the lab itself could not ask.
    """
    contract = watched.app.health
    try:
        response = await get(watched, contract.path, timeout_s=timeout_s)
    except NO_ANSWER as error:
        why = f"{type(error).__name__}: {error}".rstrip(": ")
        return Answer(state=HealthState.UNREACHABLE, dependencies={}, error=why)
    return read_answer(contract, response)


def read_answer(contract: HealthContract, response: httpx.Response) -> Answer:
    """The state that a response claims; a body that is no JSON object is an error, not healthy."""
    code, body = response.status_code, json_of(response)
    if not isinstance(body, dict):
        kind = response.headers.get("content-type", "no content type")
        plain = response.text.strip()
        if contract.state_of(code, plain) is not HealthState.UNHEALTHY:  # ASP.NET Core's default
            return Answer(
                state=contract.state_of(code, plain), status_code=code, word=plain, dependencies={}
            )
        error = f"health answered {code} with {kind}, expected a JSON object"
        return Answer(state=HealthState.UNHEALTHY, status_code=code, dependencies={}, error=error)
    word = _word(body.get(contract.status_field))
    named = body.get(contract.dependencies_field)
    return Answer(
        state=contract.state_of(code, word),
        status_code=code,
        word=word,
        dependencies=_dependencies(contract, named),
    )


def _dependencies(contract: HealthContract, named: object) -> Mapping[str, str]:
    """Each dependency's word: from an object of words or objects, of lists of checks (IETF
    health+json), or a list of named checks (MicroProfile).
    """
    if isinstance(named, list):
        named = {item.get("name"): item for item in named if isinstance(item, dict)}
    if not isinstance(named, dict):
        return {}
    return {as_text(name): _dependency(contract, value) for name, value in named.items()}


def _dependency(contract: HealthContract, value: object) -> str:
    if isinstance(value, list):  # several checks of one dependency: the first bad one tells
        words = [_dependency(contract, each) for each in value]
        good = HealthState.HEALTHY
        bad = (word for word in words if contract.words.get(word.lower()) is not good)
        return next(bad, words[0] if words else "?")
    return _word(value.get(contract.status_field) if isinstance(value, dict) else value) or "?"


def _word(value: object) -> str | None:
    return None if value is None else as_text(value)


class HealthProbe:
    """Samples health at a cadence whatever the answers take, and writes down every turn."""

    def __init__(self, watched: Watched, sampling: Sampling) -> None:
        self._watched = watched
        self._sampling = sampling
        self._state: HealthState | None = None
        self._lost: tuple[str, ...] = ()
        self._newest_s = -1.0

    async def run(self, over: asyncio.Event) -> None:
        """Sample until `over` is set; samples under way are then waited for (each is bounded)."""
        sampler = Sampler(
            self._sample,
            cadence_s=self._sampling.cadence_s,
            sampling=self._sampling,
            journal=self._watched.journal,
        )
        await sampler.run(over)

    async def _sample(self) -> None:
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
                app=watched.app.name,
                boot=watched.boot,
                took_s=took_s,
                state=answer.state,
                status_code=answer.status_code,
                word=answer.word,
                dependencies=answer.dependencies,
                error=answer.error,
            )
        )
        if sent_s > self._newest_s:  # an older sample that answers late turns nothing
            self._newest_s = sent_s
            self._note_turns(answer)

    def _note_turns(self, answer: Answer) -> None:
        watched, journal = self._watched, self._watched.journal
        name, boot = watched.app.name, watched.boot
        if answer.state is not self._state:
            self._state = answer.state
            turned = HealthTurned(at_s=journal.now(), app=name, boot=boot, state=answer.state)
            journal.append(turned)
        serves = answer.state in (HealthState.HEALTHY, HealthState.DEGRADED)
        lost = watched.app.health.lost(answer.dependencies) if serves else ()
        if lost != self._lost:
            self._lost = lost
            journal.append(LossNamed(at_s=journal.now(), app=name, boot=boot, lost=lost))

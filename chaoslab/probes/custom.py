"""A custom probe: a request or a function of the scenario, sampled at its cadence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from chaoslab.history.events import OwnSample
from chaoslab.history.journal import Journal
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.load import Sampling
from chaoslab.model.steps import HttpQuestion, Probe, Scene
from chaoslab.probes.base import NO_ANSWER, Watched, as_text, why_no_answer
from chaoslab.probes.callables import CallFailed, called, recordable
from chaoslab.probes.lab_trouble import lab_trouble, note_lab_trouble
from chaoslab.probes.request import JSON, AnswerTooLarge, Message, Reply, ask
from chaoslab.probes.sampler import Sampler


class CustomProbe:
    """Samples a probe of the scenario from the start of the run to its end.

    `newest` gives the newest boot of an app, or None before the app's first boot.
    """

    def __init__(
        self,
        probe: Probe,
        scene: Scene,
        newest: Callable[[str], Watched | None],
        sampling: Sampling,
        journal: Journal,
    ) -> None:
        self._probe, self._scene, self._newest, self._journal = probe, scene, newest, journal
        self._sampler = Sampler(
            self._sample,
            cadence_s=probe.every_s,
            sampling=replace(sampling, fast_s=probe.every_s),
            journal=journal,
            awaits=lambda: False,
        )

    async def run(self, over: asyncio.Event) -> None:
        """Sample until `over` is set, then wait for the last result up to its time limit."""
        await self._sampler.run(over)

    async def _sample(self) -> None:
        probe, sent_s = self._probe, self._journal.now()
        watched = self._newest(probe.http.app) if probe.http and probe.http.app else None
        if probe.http is not None and probe.http.app and watched is None:
            return  # the app is not spawned yet
        sample = OwnSample(
            at_s=sent_s,
            probe=probe.name,
            app=watched.app.name if watched else "",
            boot=watched.boot if watched else 0,
            took_s=0.0,
            ok=False,
        )
        try:
            if probe.http is not None:
                sample = await self._asked(probe.http, watched, sample)
            elif probe.call is not None:
                value = await called(probe.call, self._scene, probe.timeout_s)
                sample = replace(sample, ok=value is not False, value=recordable(value))
        except AnswerTooLarge as error:
            sample = replace(sample, status_code=error.status_code, error=as_text(error))
        except (CallFailed, *NO_ANSWER) as error:
            if why := lab_trouble(error):
                note_lab_trouble(self._journal, why)  # the question was not asked: no sample
                return
            text = str(error) if isinstance(error, CallFailed) else why_no_answer(error)
            sample = replace(sample, error=text)
        self._journal.append(replace(sample, took_s=self._journal.now() - sent_s))

    async def _asked(
        self, http: HttpQuestion, watched: Watched | None, sample: OwnSample
    ) -> OwnSample:
        there = watched.running.endpoint if watched else _endpoint(http.url)
        body = http.body.encode() if http.body else None
        headers = () if body is None else (JSON,)
        message = Message(path=http.path, method=http.method, headers=headers, body=body)
        async with asyncio.timeout(self._probe.timeout_s):
            reply = await ask(there, message)
        value = as_text(reply.text.strip())
        return replace(sample, ok=_is_ok(http, reply), status_code=reply.status_code, value=value)


def _is_ok(http: HttpQuestion, reply: Reply) -> bool:
    return reply.status_code in http.status if http.status else reply.is_success


def _endpoint(url: str) -> Endpoint:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return Endpoint(host=parts.hostname, port=parts.port)

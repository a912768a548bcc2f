"""Runs the code of a scenario: its steps and its custom probes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from functools import partial

from chaoslab.history.events import StepDone
from chaoslab.history.journal import Journal
from chaoslab.history.triggers import trigger_came
from chaoslab.lab.boots import Boots
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.streams import Forwarder
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.probes.base import Watched, guarded
from chaoslab.probes.callables import CallFailed, called
from chaoslab.probes.custom import CustomProbe


class ScenarioCode:
    """The steps and custom probes of one run. Their functions get this object as their `Scene`."""

    def __init__(self, plan: Plan, topology: Topology, boots: Boots, journal: Journal) -> None:
        self._plan, self._topology, self._boots, self._journal = plan, topology, boots, journal
        self._loop = asyncio.get_running_loop()
        self._forwarders: dict[str, Forwarder] = {}
        self._turn = threading.Lock()  # steps and probes run in threads
        self._closed = False

    def url(self, app: str = "") -> str:
        """The base URL of an app's newest boot; of the first app by default.

        If the app is in a network of its own, this is the address of a forwarder to it. Raises
        LookupError before the app's first boot and after the run.
        """
        name = app or next(iter(self._topology.apps))
        there = self._endpoint(name)
        if there.new_socket is not socket.socket:
            with self._turn:
                if self._closed:  # a thread cannot be cancelled, so it may outlive the run
                    raise LookupError("the run is over")
                if name not in self._forwarders:
                    self._forwarders[name] = Forwarder(self._loop, partial(self._endpoint, name))
            there = self._forwarders[name].endpoint
        return f"http://{there}"

    async def close(self) -> None:
        """Close the forwarders to the apps; no more are made."""
        with self._turn:
            self._closed = True
        await asyncio.gather(*(each.close() for each in self._forwarders.values()))

    def _endpoint(self, app: str) -> Endpoint:
        if (watched := self._newest(app)) is None:
            raise LookupError(f"'{app}' was not spawned yet")
        return watched.running.endpoint

    def probes(self, over: asyncio.Event) -> list[asyncio.Task[None]]:
        """Start every custom probe, and return their tasks. Each task ends once `over` is set."""
        journal, sampling = self._journal, self._plan.sampling
        return [
            asyncio.create_task(
                guarded(
                    f"probe {probe.name}",
                    CustomProbe(probe, self, self._newest, sampling, journal).run(over),
                    journal,
                )
            )
            for probe in self._plan.probes
        ]

    def steps(self) -> list[Coroutine[object, object, None]]:
        """Return one coroutine for each step; it waits for the step's trigger and then runs the
        step.
        """
        return [self._step(number) for number in range(len(self._plan.steps))]

    async def _step(self, number: int) -> None:
        step, journal = self._plan.steps[number], self._journal
        if not await trigger_came(step.place, step.at, self._plan, journal):
            return
        assert step.do is not None, "a saved plan is never carried out"
        begun_s, error = journal.now(), None
        try:
            await called(step.do, self, step.timeout_s)
        except CallFailed as failed:
            error = str(failed)
        took_s = journal.now() - begun_s
        done = StepDone(at_s=begun_s, step=step.name, took_s=took_s, ok=not error, error=error)
        journal.append(done)

    def _newest(self, app: str) -> Watched | None:
        watch = self._boots.watches.get(app)
        return watch.watched if watch else None

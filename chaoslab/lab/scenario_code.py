"""Runs the code of a scenario: its steps and its custom probes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial

from chaoslab.history.events import AnyEvent, StepDone
from chaoslab.history.run_folder import RunFolder
from chaoslab.history.triggers import trigger_came
from chaoslab.injection.context import Context
from chaoslab.lab.boots import Boots
from chaoslab.lab.inside import Inside, service_inside
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.streams import Forwarder
from chaoslab.model.plan import Plan
from chaoslab.model.when import AtMoment
from chaoslab.probes.base import Watched, guarded
from chaoslab.probes.callables import CallFailed, called
from chaoslab.probes.custom import CustomProbe


class ScenarioCode:
    """The steps and custom probes of one run. Their functions get this object as their `Scene`."""

    def __init__(self, plan: Plan, context: Context, boots: Boots, folder: RunFolder) -> None:
        self._plan, self._context, self._boots, self._folder = plan, context, boots, folder
        self._topology, self._journal = context.topology, context.journal
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
        return f"http://{self._reached(name, partial(self._endpoint, name))}"

    async def moment(self, moment: AtMoment) -> AnyEvent | None:
        """Wait until the moment has occurred, at most for its `within_s`. None if it did not."""
        return await self._journal.moment(moment)

    def inside(self, app: str) -> Inside:
        """Where a person reaches an app that runs, and the services on its links. Raises
        LookupError as `url` does.
        """
        contract = self._topology.apps[app]
        names = dict.fromkeys(("", contract.health.port, *contract.port_names))
        ports = {
            name: str(self._reached(f"{app}:{name}", partial(self._endpoint, app, name)))
            for name in names
        }
        new_socket = self._endpoint(app).new_socket
        links = [link for link in self._context.joined if link.app == app]
        through = {
            link.name: self._reached(link.name, partial(replace, there, new_socket=new_socket))
            for link in links
            if (there := self._context.inside.get(link.name)) is not None
        }
        return Inside(
            app=contract,
            ports=ports,
            services=tuple(
                service_inside(self._context.services[link.service], through.get(link.name))
                for link in links
            ),
            api=self._context.control.base_url,
            log=self._folder.log_path(f"app-{app}"),
            forwarded=new_socket is not socket.socket,
            noticed=self._context.runtime.past_proxy == "detected",
            mask=self._journal.mask,
        )

    def _reached(self, key: str, there: Callable[[], Endpoint]) -> Endpoint:
        """The address at which this machine reaches an endpoint: the endpoint itself, or that of a
        forwarder into the network of an app. A forwarder asks `there` for each connection.
        """
        now = there()
        if now.new_socket is socket.socket:
            return now
        with self._turn:
            if self._closed:  # a thread cannot be cancelled, so it may outlive the run
                raise LookupError("the run is over")
            if key not in self._forwarders:
                self._forwarders[key] = Forwarder(self._loop, there)
        return self._forwarders[key].endpoint

    async def close(self) -> None:
        """Close the forwarders to the apps; no more are made."""
        with self._turn:
            self._closed = True
        await asyncio.gather(*(each.close() for each in self._forwarders.values()))

    def _endpoint(self, app: str, port: str = "") -> Endpoint:
        if (watched := self._newest(app)) is None:
            raise LookupError(f"'{app}' was not spawned yet")
        return watched.running.endpoint_of(port)

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

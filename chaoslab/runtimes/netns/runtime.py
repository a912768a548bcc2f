"""The netns runtime: a local lab whose apps are each in a network namespace of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Self

from chaoslab.errors import ServiceFailed
from chaoslab.history.events import PastProxy
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.ports import HOST
from chaoslab.machine.process import not_executed, working_folder
from chaoslab.model.plan import Plan
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import App, Service
from chaoslab.proxies import embedded
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.filtered import FilteredEmbeddedControl
from chaoslab.proxies.server import READY_WITHIN_S
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.base import AppStart
from chaoslab.runtimes.local.app import LocalApp
from chaoslab.runtimes.local.kept_data import KeptData
from chaoslab.runtimes.local.runtime import LocalRuntime
from chaoslab.runtimes.local.service import LOOK_EVERY_S
from chaoslab.runtimes.netns.app import NetnsApp
from chaoslab.runtimes.netns.child import NamespaceChild
from chaoslab.runtimes.netns.namespaces import GATEWAY, Namespaces
from chaoslab.runtimes.netns.needs import check_boots, only_embedded
from chaoslab.runtimes.netns.outside import GatewayWatch, Outside
from chaoslab.runtimes.parts import ApiPart, CheckedPart, Part
from chaoslab.runtimes.ports_inside import named_ports_inside, port_inside
from chaoslab.services import last_messages, question_of


class NetnsRuntime(LocalRuntime):
    """Implements `Runtime`: servers and proxy as in a local lab, each of `apps` in its own pod.

    A pod has a loopback of its own, and a link to the gateway, where the proxies listen. So an app
    reaches a service only through its proxy. When the lab ends, or this process dies, the kernel
    ends every process that an app has started.
    """

    name = "netns"
    past_proxy: PastProxy = "prevented"

    def __init__(self, apps: Iterable[App], kept: KeptData | None = None) -> None:
        super().__init__(kept)
        self.lookout = None
        self._declared = {app.name: app for app in apps}
        self._outside = Outside.of(self._declared.values())
        self._made: Namespaces | None = None
        self._becoming_ready: asyncio.Task[None] | None = None
        self._children: list[NamespaceChild] = []

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a local lab, and the agents in its namespaces."""
        return (*super().parts, *self._namespaces.parts)

    @property
    def _namespaces(self) -> Namespaces:
        assert self._made is not None, "a NetnsRuntime is used inside `async with`"
        return self._made

    def check(self, plan: Plan) -> None:
        """Raise RuntimeUnavailable, with the fix, if a boot would look for a service on its own
        loopback.
        """
        check_boots(self._declared, plan.boots)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            self._made = Namespaces.start(
                tuple(self._declared),
                files=self._outside.files(self.folder, GATEWAY),
                log=self.folder / "namespaces.log",
                env=self._env_with({}),
            )
            self._entered().watch_session(self._made.pid)
            self.outside_watch = GatewayWatch(self._made.gateway, self._made.pod_addresses())
            # They become ready while the services start.
            work = asyncio.to_thread(self._wait_until_ready, self.outside_watch)
            self._becoming_ready = asyncio.create_task(work)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    def _wait_until_ready(self, watch: GatewayWatch) -> None:
        self._namespaces.wait_until_ready()
        # It then knows which iptables works here, which takes longer than a rule.
        self._namespaces.gateway.ask_now("about")
        watch.begin()

    async def _ready(self) -> None:
        """Wait until the namespaces are ready. Raises RuntimeUnavailable if they cannot be made."""
        assert self._becoming_ready is not None
        await asyncio.shield(self._becoming_ready)

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> ToxiproxyControl:
        """Start the embedded engine as a process; its proxies listen in the gateway.

        Raises RuntimeUnavailable for a Toxiproxy, which cannot do that.
        """
        if kind != "embedded":
            raise only_embedded()
        port, name = self._ports.take(), "the proxy engine"
        with self._namespaces.engine_channel() as channel:
            through = channel.fileno()
            command = embedded.command(
                port, seed=seed, last_messages=last_messages(), listen_through=through
            )
            helper = self.spawn_helper(name, command, log=log, descriptors=(through,))
        await self._ready()
        check = CheckedPart(name=name, look_every_s=LOOK_EVERY_S, check=helper.trouble)
        api = ApiPart(name=name, host=HOST, port=port, tells_end=False)
        self._parts += [check, api]
        agent = self._namespaces.gateway
        control = FilteredEmbeddedControl(HOST, port, listen_host=GATEWAY, packets=agent)
        await control.connect(READY_WITHIN_S, check=helper.check)
        await self._outside.forward(control)
        return control

    def proxied(self, port: int) -> Endpoint:
        """The address of that port of the proxy server, in the gateway."""
        return Endpoint(host=GATEWAY, port=port)

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting:
        """Send a canary to `address` from the pod of `app`. Returns what the canary observed."""
        agent = self._namespaces.pods[app.name].agent
        return await agent.canary(address, question_of(service), within_s=within_s)

    async def app_port(self, app: App) -> int:
        """The port that the topology declares for the app, else 8080: the app's loopback is its
        own.
        """
        return port_inside(app)

    async def named_ports(self, app: App) -> Mapping[str, int]:
        """Fixed numbers from 8081 on, as the app's loopback is its own."""
        return named_ports_inside(app)

    async def spawn_app(self, start: AppStart) -> LocalApp:
        """Spawn a boot of an app in its pod; does not wait until the app is ready.

        Raises ServiceFailed if the program cannot be executed.
        """
        await self._ready()
        pod = self._namespaces.pods[start.app.name]
        running = self._boot(start, self._spawn_inside, partial(NetnsApp, pod=pod))
        return self._noted(running)

    def _spawn_inside(self, start: AppStart, output: int) -> NamespaceChild:
        agent = self._namespaces.pods[start.app.name].agent
        env = self._env_with(start.env)
        try:
            folder = start.app.cwd or working_folder()
            child = agent.spawn(start.command, env=env, cwd=folder, output=output)
        except OSError as error:
            raise ServiceFailed(not_executed(start.command, None, error)) from None
        self._children.append(child)
        return child

    async def _close(self) -> None:
        if self._made is not None:
            self._made.close()
            await self._made.ended()
        if self._becoming_ready is not None:
            await asyncio.gather(self._becoming_ready, return_exceptions=True)
        await super()._close()
        for child in self._children:
            child.close()

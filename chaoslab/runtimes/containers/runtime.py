"""The container runtime: one lab on a session's stack, with its own databases, proxies and app
containers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chaoslab.clock import now_s
from chaoslab.errors import (
    ChaoslabError,
    ErrorCode,
    Problem,
    RuntimeUnavailable,
    ServiceFailed,
)
from chaoslab.history.events import PastProxy
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.trouble import with_place
from chaoslab.model.plan import Plan
from chaoslab.model.sighting import Sighting
from chaoslab.model.topology import App, Service
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.filtered import FilteredEmbeddedControl, FilteredToxiproxyControl
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.app_log import AppLog
from chaoslab.runtimes.base import AppStart, Preparer
from chaoslab.runtimes.containers import images
from chaoslab.runtimes.containers.app import ContainerApp, Pod
from chaoslab.runtimes.containers.engine import Run, in_background, in_thread
from chaoslab.runtimes.containers.parts import ContainerPart
from chaoslab.runtimes.containers.preparing import ContainerPreparer
from chaoslab.runtimes.containers.problems import engine_errors
from chaoslab.runtimes.containers.service import ContainerService, ServerContainer
from chaoslab.runtimes.containers.stack import API_PORT, PROXY_NAME, Stack
from chaoslab.runtimes.parts import ApiPart, Part
from chaoslab.services import last_messages, question_of
from chaoslab.services.base import AGENT_IMAGE

if TYPE_CHECKING:
    from docker.models.containers import Container

ONLY_EMBEDDED = ErrorCode(
    "session.only_embedded",
    "this session was started with the embedded proxy only",
    "A lab needs a Toxiproxy, but its session was started without one.",
)
READY_WITHIN_S = 15.0
ANY_ADDRESS = "0.0.0.0"


class ContainerRuntime:
    """Implements `Runtime` for one lab in containers; an async context manager.

    `lab` is the name of the lab's databases and proxies. `versions` maps a service to its server's
    version, and is shared by all labs of the session.
    """

    external = None
    python = "python3"
    app_host = ANY_ADDRESS
    lookout = None
    outside_watch = None

    def __init__(
        self,
        stack: Stack,
        *,
        name: str,
        lab: str,
        versions: dict[str, str],
        past_proxy: PastProxy = "prevented",
    ) -> None:
        self.name, self.past_proxy = name, past_proxy
        self._stack, self._lab, self._versions = stack, lab, versions
        self._servers: list[ServerContainer] = []
        self._services: list[ContainerService] = []
        self._proxy_parts: list[Part] = []
        self._boots: list[asyncio.Task[ContainerApp]] = []
        self._logs: list[AppLog] = []
        self._control: ToxiproxyControl | None = None
        self._proxy: asyncio.Task[Container] | None = None

    @property
    def stack(self) -> Stack:
        """The session's stack, which earlier and later labs use too."""
        return self._stack

    def check(self, plan: Plan) -> None:
        """Do nothing: every plan can be carried out here."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.shield(asyncio.ensure_future(self._close()))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of this lab: its services, the proxy server, and all agents."""
        services = (each.part for each in self._services)
        return (*services, *self._proxy_parts, *self._stack.agents)

    async def start_service(self, service: Service) -> ContainerService:
        """Start a server of the stack if it is down, make a new, empty database in it for this lab,
        and return the running service.
        """
        server = self._stack.servers[service.name]
        running = ContainerService(
            service=service, server=server, lab=self._lab,
            version=self._versions.get(service.name, ""), gateway=self._stack.gateway.agent,
        )  # fmt: skip
        await running.start()  # the scenario before may have stopped it
        if service.name not in self._versions:
            product = await in_thread(lambda: server.server.prepare(server.access))
            image = images.of_service(service, self._stack.images)
            named = f"{product} (image {image})" if image != AGENT_IMAGE else product
            self._versions[service.name] = named
        running.version = self._versions[service.name]
        self._servers.append(server)
        self._services.append(running)
        await in_thread(lambda: server.server.fresh(server.access, self._lab))
        return running

    async def start_proxy(self, kind: ProxyKind, *, seed: int, log: Path) -> ToxiproxyControl:
        """Connect to the stack's Toxiproxy, or start an embedded engine for this lab.

        Returns the control of that proxy server. On the shared Toxiproxy, this lab's proxies have
        names with its own prefix.
        """
        del log
        api, name = self._stack.gateway.api, "the Toxiproxy server"
        container = self._stack.gateway.proxy
        if kind == "embedded":
            start = in_thread(lambda: self._start_engine(seed))
            self._proxy = asyncio.ensure_future(start)
            container, name = await asyncio.shield(self._proxy), "the proxy engine"
            self._control = FilteredEmbeddedControl(
                api.host, api.port, listen_host=ANY_ADDRESS, packets=self._stack.gateway.agent,
                shared_rules=True,
            )  # fmt: skip
        elif container is None:
            raise RuntimeUnavailable(Problem(reason=ONLY_EMBEDDED()))
        else:
            self._control = FilteredToxiproxyControl(
                api.host, api.port, listen_host=ANY_ADDRESS, prefix=f"{self._lab}.",
                packets=self._stack.gateway.agent,
            )  # fmt: skip
        await self._control.connect(READY_WITHIN_S)
        assert container is not None
        self._proxy_parts = [
            ContainerPart(name=name, container=container),
            ApiPart(name=name, host=api.host, port=api.port, tells_end=False),
        ]
        return self._control

    def _start_engine(self, seed: int) -> Container:
        mapped = self._stack.gateway.api.host
        where = ("-m", "chaoslab.engine", "--host", ANY_ADDRESS, "--port", str(API_PORT))
        how = ("--allow-host", mapped, "--seed", str(seed), "--last-messages", last_messages())
        return self._stack.engine.run(
            Run(
                image=self._stack.agent_image,
                role="engine",
                entrypoint=("python3",),
                command=(*where, *how),
                joins=self._stack.gateway.agent.container.id,
            )
        )

    def proxied(self, port: int) -> Endpoint:
        """The address of `port` of the proxy server, by the server's host name on the apps'
        network.
        """
        return Endpoint(host=PROXY_NAME, port=port)

    async def ask(
        self, app: App, address: Endpoint, service: Service, *, within_s: float
    ) -> Sighting:
        """Send a canary to `address` from the app's network namespace. Returns what the canary
        observed.
        """
        return await self._stack.pods[app.name].agent.canary(
            address, question_of(service), within_s=within_s
        )

    async def app_port(self, app: App) -> int:
        """The port on which the app should listen, which its pod publishes."""
        return self._stack.pods[app.name].inside

    async def named_ports(self, app: App) -> Mapping[str, int]:
        """The app's further ports, which its pod publishes too."""
        return self._stack.pods[app.name].named

    async def spawn_app(self, start: AppStart) -> ContainerApp:
        """Start a container of the app's image in the app's pod, and return the app; the boot's
        `env` is added to the image's own variables. So is each further process of the app.
        """
        pod = self._stack.pods[start.app.name]
        assert start.port in (pod.inside, 0)
        return await self._spawned(start, joins=pod.agent.container.id)

    @property
    def preparer(self) -> Preparer:
        """Runs the commands in the network of the proxy server."""
        joins = self._stack.gateway.agent.container.id
        return ContainerPreparer(spawned=partial(self._spawned, joins=joins))

    async def _spawned(self, start: AppStart, *, joins: str) -> ContainerApp:
        """Start a container of the app's image in the network of the container `joins`."""
        pod, container = self._stack.pods[start.app.name], start.app.container
        run = Run(
            image=pod.image, role="app", command=start.command, entrypoint=(), env=start.env,
            joins=joins, cwd=container.cwd if container else "",
        )  # fmt: skip
        log = AppLog(start.log, start.mask)
        self._logs.append(log)
        # Shielded and noted: if the caller is cancelled, the container is removed with the others.
        boot = asyncio.ensure_future(in_thread(lambda: self._boot(pod, run, log)))
        self._boots.append(boot)
        return await asyncio.shield(boot)

    def _boot(self, pod: Pod, run: Run, log: AppLog) -> ContainerApp:
        asked_s = now_s()
        try:
            container = self._stack.engine.run(run)
        except ServiceFailed as error:
            raise with_place(error, pod.app) from error
        return ContainerApp(pod=pod, container=container, log=log, asked_s=asked_s)

    async def _close(self) -> None:
        """End the lab's apps and its own proxy engine, and remove its databases.

        Failures are ignored: the session's end removes everything, and the next lab that needs a
        failed part reports it.
        """
        begun = [*self._boots, *([self._proxy] if self._proxy is not None else [])]
        made = await asyncio.gather(*begun, return_exceptions=True)
        work = [partial(_end, each) for each in made if not isinstance(each, BaseException)]
        work += [partial(server.server.clear, server.access, self._lab) for server in self._servers]
        await asyncio.gather(*(in_thread(partial(_without_errors, each)) for each in work))
        for log in self._logs:
            log.close()


def _end(running: ContainerApp | Container) -> None:
    """Kill a container, so that its ports are free on return; remove it in the background."""
    import docker  # noqa: PLC0415

    container = running.container if isinstance(running, ContainerApp) else running
    with engine_errors(f"container {container.name}"), suppress(docker.errors.APIError):
        container.kill()  # the engine refuses if it has ended
    in_background(partial(container.remove, force=True, v=True))


def _without_errors(work: Callable[[], None]) -> None:
    with suppress(ChaoslabError):
        work()
